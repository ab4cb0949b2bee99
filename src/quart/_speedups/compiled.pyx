# cython: language_level=3, boundscheck=False, wraparound=False, embedsignature=True
"""The functions of pure.py, compiled. They are described there, and tests hold the two equal."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItemWithError, PyDict_SetItem
from cpython.list cimport PyList_Append
from cpython.object cimport PyObject, PyObject_SetAttr
from cpython.unicode cimport PyUnicode_DecodeASCII, PyUnicode_Substring
from libc.string cimport memchr

from . import pure

cdef extern from "Python.h":
    ctypedef unsigned char Py_UCS1
    bint PyUnicode_IS_COMPACT_ASCII(object)
    int PyUnicode_KIND(object)
    enum: PyUnicode_1BYTE_KIND
    Py_UCS1* PyUnicode_1BYTE_DATA(object)
    Py_ssize_t PyUnicode_GET_LENGTH(object)


cdef inline bint equal(object one, object other) except -1:
    if type(one) is bytes and type(other) is bytes:
        return <bytes>one == <bytes>other
    return one == other


def first_value(headers, name):
    for other, value in headers:
        if equal(other, name):
            return value
    return None


def all_values(headers, name):
    cdef list values = []
    for other, value in headers:
        if equal(other, name):
            PyList_Append(values, value)
    return values


def decoded(headers, titles):
    cdef list items = []
    for name, value in headers:
        title = (titles.get(name) or name.decode("latin-1").title())
        if type(value) is bytes:
            text = (<bytes>value).decode("latin-1")
        else:
            text = value.decode("latin-1")
        PyList_Append(items, (title, text))
    return items


cdef int put(object lists, object name, object value) except -1:
    """Add a value to those of a name, as in a dict also where a subclass knows better."""
    cdef PyObject* found = PyDict_GetItemWithError(lists, name)
    if found is NULL:
        PyDict_SetItem(lists, name, [value])
    else:
        PyList_Append(<object>found, value)
    return 0


def split_query(bytes query not None, lists not None):
    cdef Py_ssize_t i, size = PyBytes_GET_SIZE(query)
    cdef const unsigned char* text = <const unsigned char*>PyBytes_AS_STRING(query)
    cdef const char* at
    cdef const char* end
    cdef const char* stop
    cdef const char* sign
    cdef bint has_plus = False
    for i in range(size):
        if text[i] == c"%" or text[i] >= 128:
            return False
        if text[i] == c"+":
            has_plus = True
    if has_plus:
        query = query.replace(b"+", b" ")
    at = PyBytes_AS_STRING(query)
    end = at + size
    while at < end:
        stop = <const char*>memchr(at, c"&", end - at)
        if stop is NULL:
            stop = end
        if stop > at:
            sign = <const char*>memchr(at, c"=", stop - at)
            if sign is NULL:
                put(lists, PyUnicode_DecodeASCII(at, stop - at, NULL), "")
            else:
                put(
                    lists,
                    PyUnicode_DecodeASCII(at, sign - at, NULL),
                    PyUnicode_DecodeASCII(sign + 1, stop - sign - 1, NULL),
                )
        at = stop + 1
    return True


cdef bint is_plain(const Py_UCS1* line, Py_ssize_t size) noexcept:
    """Whether cookies are written as browsers do."""
    cdef Py_ssize_t i
    for i in range(size):
        if line[i] == c'"' or line[i] == c"\t":
            return False
        if line[i] == c" " and (i == 0 or line[i - 1] != c";"):
            return False
    return True


cdef inline Py_ssize_t find(const Py_UCS1* line, Py_ssize_t start, Py_ssize_t end, int sign) noexcept:
    """Where a sign stands, or the end."""
    cdef const void* found = memchr(line + start, sign, end - start)
    return end if found is NULL else <const Py_UCS1*>found - line


def split_cookies(str line not None, lists not None):
    cdef Py_ssize_t start = 0, stop, sign, size = PyUnicode_GET_LENGTH(line)
    cdef const Py_UCS1* text
    if PyUnicode_KIND(line) != PyUnicode_1BYTE_KIND:
        return pure.split_cookies(line, lists)
    text = PyUnicode_1BYTE_DATA(line)
    if not is_plain(text, size):
        return False
    while start < size:
        if text[start] == c" ":
            start += 1
        stop = find(text, start, size, c";")
        sign = find(text, start, stop, c"=")
        if stop > start and sign > start:
            put(
                lists,
                PyUnicode_Substring(line, start, sign),
                PyUnicode_Substring(line, sign + 1, stop) if sign < stop else "",
            )
        start = stop + 1
    return True


def find_cookie(str line not None, str name not None):
    cdef Py_ssize_t start = 0, stop, sign, size = PyUnicode_GET_LENGTH(line)
    cdef const Py_UCS1* text
    if PyUnicode_KIND(line) != PyUnicode_1BYTE_KIND:
        return pure.find_cookie(line, name)
    text = PyUnicode_1BYTE_DATA(line)
    if not is_plain(text, size):
        return ...
    while start < size:
        if text[start] == c" ":
            start += 1
        stop = find(text, start, size, c";")
        sign = find(text, start, stop, c"=")
        if sign - start == PyUnicode_GET_LENGTH(name) and PyUnicode_Substring(line, start, sign) == name:
            return PyUnicode_Substring(line, sign + 1, stop) if sign < stop else ""
        start = stop + 1
    return None


def is_in_one_line(value):
    cdef Py_ssize_t size
    if type(value) is str and PyUnicode_KIND(value) == PyUnicode_1BYTE_KIND:
        size = PyUnicode_GET_LENGTH(value)
        return (
            memchr(PyUnicode_1BYTE_DATA(value), c"\n", size) is NULL
            and memchr(PyUnicode_1BYTE_DATA(value), c"\r", size) is NULL
        )
    return isinstance(value, str) and "\n" not in value and "\r" not in value


def put_all(dict headers not None, given, sent_names, learn):
    for name, value in given.items():
        sent = sent_names.get(name) or learn(name)
        if sent is None or not is_in_one_line(value):
            return False
        PyDict_SetItem(headers, sent, (name, value))
    return True


cdef bytes plain_value(object value):
    """Printable ASCII, without space around it; None of other text."""
    cdef const Py_UCS1* text
    cdef Py_ssize_t i, start = 0, end
    if not PyUnicode_IS_COMPACT_ASCII(value):
        return None
    text = PyUnicode_1BYTE_DATA(value)
    end = PyUnicode_GET_LENGTH(value)
    for i in range(end):
        if text[i] < 0x20 or text[i] == 0x7F:
            return None
    while start < end and text[start] == c" ":
        start += 1
    while end > start and text[end - 1] == c" ":
        end -= 1
    return PyBytes_FromStringAndSize(<const char*>text + start, end - start)


def encoded(headers, special, encode):
    cdef list items = []
    cdef bytes data
    for sent, header in headers:
        if isinstance(header, bytes):
            data = header
        else:
            name, value = header
            data = None
            if sent not in special:
                if type(value) is str:
                    data = plain_value(value)
                elif value.isascii() and value.isprintable():
                    data = value.encode().strip()
            if data is None:
                data = encode(sent, name, value)
        PyList_Append(items, (sent, data))
    return items


cdef class lazily:
    cdef public object read
    cdef public object name
    cdef public object __doc__

    def __init__(self, read):
        self.read = read
        self.__doc__ = read.__doc__

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner):
        if instance is None:
            return self
        value = self.read(instance)
        PyObject_SetAttr(instance, self.name, value)
        return value
