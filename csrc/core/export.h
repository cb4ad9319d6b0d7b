// Marks what libfastnn shows to programs that link it; all else is hidden.
#pragma once

#if defined(_WIN32)
#if defined(FASTNN_BUILDING)
#define FASTNN_API __declspec(dllexport)
#else
#define FASTNN_API __declspec(dllimport)
#endif
#else
#define FASTNN_API __attribute__((visibility("default")))
#endif
