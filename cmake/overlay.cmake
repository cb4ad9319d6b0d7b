# Links every file and folder of FROM into TO, beside the libraries that were built there; leaves out built files.
file(MAKE_DIRECTORY "${TO}")
file(GLOB _entries LIST_DIRECTORIES true RELATIVE "${FROM}" "${FROM}/*")
foreach(_entry IN LISTS _entries)
  if(NOT _entry MATCHES "(\\.so|\\.dylib|\\.dll|\\.pyd|__pycache__)$")
    file(CREATE_LINK "${FROM}/${_entry}" "${TO}/${_entry}" SYMBOLIC)
  endif()
endforeach()
