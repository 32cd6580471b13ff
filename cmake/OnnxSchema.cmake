# What builds need beside libraries: the ONNX project's own schema, as installed, so that field numbers are
# theirs, and the compiler that makes C of it.
find_program(PROTOC_C NAMES protoc-c)
if(NOT PROTOC_C)
  judd_missing("protoc-c" "protobuf-c-compiler" "-DPROTOC_C=/path/to/protoc-c")
endif()
find_path(ONNX_PROTO_DIR onnx/onnx.proto)
if(NOT ONNX_PROTO_DIR)
  judd_missing("onnx.proto" "libonnx-dev" "-DONNX_PROTO_DIR=/folder/that/holds/onnx")
endif()

set(ONNX_PB ${CMAKE_CURRENT_BINARY_DIR}/generated)
add_custom_command(
  OUTPUT ${ONNX_PB}/onnx/onnx.pb-c.c ${ONNX_PB}/onnx/onnx.pb-c.h
  COMMAND ${CMAKE_COMMAND} -E make_directory ${ONNX_PB}
  COMMAND ${PROTOC_C} --c_out=${ONNX_PB} -I ${ONNX_PROTO_DIR} ${ONNX_PROTO_DIR}/onnx/onnx.proto
  DEPENDS ${ONNX_PROTO_DIR}/onnx/onnx.proto VERBATIM)
set_source_files_properties(${ONNX_PB}/onnx/onnx.pb-c.c PROPERTIES COMPILE_OPTIONS "-w")

# The generated header, for those who read or write messages; its code is part of libjudd.
add_library(onnx_pb INTERFACE)
target_include_directories(onnx_pb SYSTEM INTERFACE ${ONNX_PB})
