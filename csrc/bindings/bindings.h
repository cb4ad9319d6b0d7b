// Shared by the binding files; module.cpp calls one bind_* function of each.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

namespace fastnn::bindings {

void bind_batcher(pybind11::module_& module);
void bind_graph(pybind11::module_& module);
void bind_function(pybind11::module_& module);
void bind_optimizer(pybind11::module_& module);
void bind_random(pybind11::module_& module);
void bind_schedules(pybind11::module_& module);
void bind_trainer(pybind11::module_& module);
void bind_runtime(pybind11::module_& module);

}  // namespace fastnn::bindings
