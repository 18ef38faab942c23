// Where in the Python program an operation was called: a code object and an instruction, turned
// into a file and a line only when an error asks.

#include <algorithm>
#include <atomic>

#include "python/hooks.h"

namespace rushlight::python {

thread_local CallSite without_gil_site;

namespace {

/// Stands for a code object, and outlives it.
struct CodeRecord {
  PyCodeObject* code;  // null once it is gone
  bool is_ours;        // of the package itself: users ask for their own lines
};

Py_ssize_t g_extra = -1;  // the slot of code objects that holds their record

void code_gone(void* record) { static_cast<CodeRecord*>(record)->code = nullptr; }

#if PY_VERSION_HEX >= 0x030C0000
Py_ssize_t request_extra() { return PyUnstable_Eval_RequestCodeExtraIndex(code_gone); }
int get_extra(PyObject* code, void** extra) {
  return PyUnstable_Code_GetExtra(code, g_extra, extra);
}
int set_extra(PyObject* code, void* extra) {
  return PyUnstable_Code_SetExtra(code, g_extra, extra);
}
#else
Py_ssize_t request_extra() { return _PyEval_RequestCodeExtraIndex(code_gone); }
int get_extra(PyObject* code, void** extra) { return _PyCode_GetExtra(code, g_extra, extra); }
int set_extra(PyObject* code, void* extra) { return _PyCode_SetExtra(code, g_extra, extra); }
#endif

int instruction_of(PyFrameObject* frame) {
#if PY_VERSION_HEX >= 0x030B0000
  return PyFrame_GetLasti(frame);
#else
  return frame->f_lasti * 2;  // counted in instructions of two bytes
#endif
}

/// Where the package lies, with a slash at the end; empty if that can't be told.
std::string package_folder() {
  Object module = Object::steal(PyImport_ImportModule("rushlight"));
  if (!module) return "";
  Object file = Object::steal(PyObject_GetAttrString(module.get(), "__file__"));
  const char* path = file ? PyUnicode_AsUTF8(file.get()) : nullptr;
  return path ? std::string(path, std::string_view(path).rfind('/') + 1) : "";
}

bool is_ours(PyCodeObject* code) {
  static const std::string folder = package_folder();
  const char* file = PyUnicode_AsUTF8(code->co_filename);
  return file && !folder.empty() && std::string_view(file).starts_with(folder);
}

CodeRecord* record_of(PyCodeObject* code) {
  // Most calls come from the code that the last one came from.
  static PyCodeObject* last_code = nullptr;
  static CodeRecord* last = nullptr;
  if (last && last_code == code && last->code == code) return last;
  void* extra = nullptr;
  auto* object = reinterpret_cast<PyObject*>(code);
  if (get_extra(object, &extra) == 0 && !extra) {
    extra = new CodeRecord{code, is_ours(code)};
    if (set_extra(object, extra) != 0) {
      delete static_cast<CodeRecord*>(extra);
      extra = nullptr;
    }
  }
  if (PyErr_Occurred()) PyErr_Clear();
  last_code = code;
  return last = static_cast<CodeRecord*>(extra);
}

CallSite site_of(PyFrameObject* frame) {
  PyCodeObject* code = PyFrame_GetCode(frame);
  CallSite site{record_of(code), instruction_of(frame)};
  Py_DECREF(code);
  return site;
}

bool is_ours(const CallSite& site) {
  return site.code && static_cast<const CodeRecord*>(site.code)->is_ours;
}

CallSite current() noexcept {
  if (without_gil_site.code) return without_gil_site;
  if (!PyGILState_Check()) return {};
  PyFrameObject* frame = PyEval_GetFrame();
  if (!frame) return {};
  CallSite site = site_of(frame);
  if (!is_ours(site)) [[likely]]
    return site;
  // Called by the package itself: the nearest line of somebody else, if there is one.
  Object caller = Object::steal((PyObject*)PyFrame_GetBack(frame));
  while (caller) {
    frame = (PyFrameObject*)caller.get();
    CallSite outer = site_of(frame);
    if (!is_ours(outer)) return outer;
    caller = Object::steal((PyObject*)PyFrame_GetBack(frame));
  }
  return site;
}

// -- Traces: the nodes that are recorded in a block, and the calls that did
// ------------------------

struct Traced {
  std::string node;
  CallSite site;
};
thread_local std::vector<Traced> t_traced;
thread_local int t_traces = 0;  // that are going on in this thread
std::atomic<int> g_traces{0};   // and in all of them: what a call asks that is not traced

[[gnu::cold, gnu::noinline]] void trace(const autograd::Node& node, const CallSite& site) noexcept {
  if (!t_traces) return;
  try {
    t_traced.push_back({node.name(), site});
  } catch (const std::bad_alloc&) {  // a trace with a gap
  }
}

CallSite recorded(const autograd::Node& node) noexcept {
  CallSite site = current();
  if (g_traces.load(std::memory_order_relaxed)) [[unlikely]]
    trace(node, site);
  return site;
}

std::string describe(const CallSite& site) {
  WithGil gil;
  PyCodeObject* code = static_cast<const CodeRecord*>(site.code)->code;
  if (!code) return "";
  const char* file = PyUnicode_AsUTF8(code->co_filename);
  if (!file) {
    PyErr_Clear();
    return "";
  }
  return std::string(file) + ":" + std::to_string(PyCode_Addr2Line(code, site.instruction));
}

constexpr autograd::CallSiteSource kSource = {current, recorded, describe};

/// `_start_trace()`: a number for `_end_trace`. Traces nest.
PyObject* start_trace(PyObject*, PyObject*) {
  ++t_traces;
  ++g_traces;
  return PyLong_FromSize_t(t_traced.size());
}

/// `_end_trace(number)`: a tuple (name of the node, "train.py:14") for each node recorded since.
PyObject* end_trace(PyObject*, PyObject* number) {
  return guarded([&]() -> PyObject* {
    size_t begin = std::min(PyLong_AsSize_t(number), t_traced.size());
    Object list = checked(PyList_New(0));
    for (size_t i = begin; i < t_traced.size(); ++i) {
      std::string place = t_traced[i].site.code ? describe(t_traced[i].site) : "";
      Object item = checked(Py_BuildValue("(ss)", t_traced[i].node.c_str(), place.c_str()));
      checked(PyList_Append(list.get(), item.get()));
    }
    --g_traces;
    if (--t_traces == 0) t_traced.clear();
    return list.release();
  });
}

/// `_set_call_sites(enabled)`, by which ./dev bench sees what they cost
PyObject* set_call_sites(PyObject*, PyObject* enabled) {
  bool on = g_extra >= 0 && PyObject_IsTrue(enabled) == 1;
  autograd::set_call_site_source(on ? &kSource : nullptr);
  return Py_NewRef(Py_None);
}

PyMethodDef functions[] = {{"_set_call_sites", set_call_sites, METH_O, nullptr},
                           {"_start_trace", start_trace, METH_NOARGS, nullptr},
                           {"_end_trace", end_trace, METH_O, nullptr},
                           {}};

}  // namespace

void add_call_sites(PyObject* module) {
  g_extra = request_extra();
  if (g_extra >= 0) autograd::set_call_site_source(&kSource);
  add_functions(module, functions);
}

}  // namespace rushlight::python
