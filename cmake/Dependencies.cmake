# Every library that Judd stands on, found through pkg-config or its CMake package: target judd_dependencies,
# and what judd.pc says of them. A missing one is named in one line with Debian's package and what a module
# or a hint would have to provide. Installed, find_package(judd) reads this file too.
#
# Hints: CMAKE_PREFIX_PATH and PKG_CONFIG_PATH reach all of them; each of the NAME_ROOT variables
# below (of CMake or of the environment) puts one folder in front, which reaches those too.

# The space in front keeps CMake from breaking the line. In find_package(judd) whoever asks decides.
macro(judd_missing what debian hint)
  set(JUDD_MISSING "${what} not found: install ${debian} (Debian/Ubuntu) or load its module; hint: ${hint}")
  if(CMAKE_FIND_PACKAGE_NAME STREQUAL "judd")
    return()
  endif()
  message(FATAL_ERROR " ${JUDD_MISSING}")
endmacro()

foreach(root MPI_ROOT HDF5_ROOT OpenBLAS_ROOT ScaLAPACK_ROOT libconfig_ROOT dnnl_ROOT protobuf_c_ROOT
             ONNX_ROOT ZLIB_ROOT JPEG_ROOT PNG_ROOT xxHash_ROOT utf8proc_ROOT jansson_ROOT OpenSSL_ROOT)
  foreach(folder "${${root}}" "$ENV{${root}}")
    if(folder)
      list(PREPEND CMAKE_PREFIX_PATH "${folder}")
      set(${root}_GIVEN ON)
    endif()
  endforeach()
endforeach()

find_package(PkgConfig QUIET)
if(NOT PKG_CONFIG_FOUND)
  judd_missing("pkg-config" "pkg-config" "-DPKG_CONFIG_EXECUTABLE=/path/to/pkg-config")
endif()
add_library(judd_dependencies INTERFACE)
set(JUDD_PC_REQUIRES)
set(JUDD_PC_LIBS)
set(JUDD_DEBIAN_PACKAGES libopenmpi-dev libhdf5-openmpi-dev libscalapack-openmpi-dev libdnnl-dev)

# judd_pkg(PREFIX pkg-config-name "What" debian-package)
macro(judd_pkg prefix name what debian)
  pkg_check_modules(${prefix} QUIET IMPORTED_TARGET ${name})
  if(NOT ${prefix}_FOUND)
    judd_missing("${what}" "${debian}" "PKG_CONFIG_PATH with ${name}.pc")
  endif()
  list(APPEND JUDD_PC_REQUIRES ${name})
  list(APPEND JUDD_DEBIAN_PACKAGES ${debian})
endmacro()

find_package(MPI QUIET COMPONENTS C)
if(NOT MPI_C_FOUND)
  judd_missing("MPI for C" "libopenmpi-dev openmpi-bin" "-DMPI_C_COMPILER=/path/to/mpicc")
endif()

judd_pkg(HWLOC hwloc "hwloc" libhwloc-dev)

find_package(Threads QUIET)
if(NOT Threads_FOUND)
  judd_missing("POSIX threads" "libc6-dev" "-DCMAKE_THREAD_LIBS_INIT=-lpthread")
endif()

# Parallel HDF5: Debian's pkg-config file names the flavour; elsewhere h5pcc or HDF5_ROOT.
if(NOT HDF5_ROOT_GIVEN)
  pkg_check_modules(HDF5_PC QUIET IMPORTED_TARGET hdf5-openmpi)
endif()
if(HDF5_PC_FOUND)
  set(JUDD_HDF5 PkgConfig::HDF5_PC)
  list(APPEND JUDD_PC_REQUIRES hdf5-openmpi)
else()
  set(HDF5_PREFER_PARALLEL ON)
  find_package(HDF5 QUIET COMPONENTS C)
  if(NOT HDF5_FOUND OR NOT HDF5_IS_PARALLEL)
    judd_missing("Parallel HDF5" "libhdf5-openmpi-dev" "-DHDF5_ROOT=/path/to/parallel/hdf5")
  endif()
  add_library(judd_hdf5 INTERFACE)
  target_include_directories(judd_hdf5 SYSTEM INTERFACE ${HDF5_INCLUDE_DIRS})
  target_link_libraries(judd_hdf5 INTERFACE ${HDF5_LIBRARIES})
  target_compile_definitions(judd_hdf5 INTERFACE ${HDF5_DEFINITIONS})
  set(JUDD_HDF5 judd_hdf5)
  list(APPEND JUDD_PC_LIBS ${HDF5_LIBRARIES})
  set(JUDD_PC_HDF5_INCLUDE ${HDF5_INCLUDE_DIRS})
endif()

judd_pkg(OPENBLAS openblas "OpenBLAS" libopenblas-dev)

find_library(SCALAPACK_LIBRARY NAMES scalapack-openmpi scalapack)
if(NOT SCALAPACK_LIBRARY)
  judd_missing("ScaLAPACK" "libscalapack-openmpi-dev" "-DSCALAPACK_LIBRARY=/path/to/libscalapack.so")
endif()

judd_pkg(LIBCONFIG libconfig "libconfig" libconfig-dev)

# Not through its CMake package: Debian's asks for OpenCL, which nothing here uses.
find_path(DNNL_INCLUDE_DIR dnnl.h)
find_library(DNNL_LIBRARY NAMES dnnl)
if(NOT DNNL_INCLUDE_DIR OR NOT DNNL_LIBRARY)
  judd_missing("oneDNN" "libdnnl-dev" "-Ddnnl_ROOT=/path/to/onednn")
endif()

judd_pkg(PROTOBUF_C libprotobuf-c "protobuf-c" libprotobuf-c-dev)
judd_pkg(ZLIB_PC zlib "zlib" zlib1g-dev)
judd_pkg(JPEG libjpeg "libjpeg-turbo" libjpeg-dev)
judd_pkg(PNG libpng "libpng" libpng-dev)
judd_pkg(XXHASH libxxhash "xxHash" libxxhash-dev)
# Some builds of xxHash (Debian's) also choose by the CPU: the same numbers, twice as fast.
include(CheckSourceCompiles)
set(CMAKE_REQUIRED_LIBRARIES PkgConfig::XXHASH)
check_source_compiles(C "#include <xxh_x86dispatch.h>
  int main(void) { return (int)XXH3_64bits_withSeed(\"\", 0, 0); }" JUDD_XXHASH_DISPATCH)
unset(CMAKE_REQUIRED_LIBRARIES)
judd_pkg(UTF8PROC libutf8proc "utf8proc" libutf8proc-dev)
judd_pkg(JANSSON jansson "Jansson" libjansson-dev)
judd_pkg(CRYPTO libcrypto "libcrypto (OpenSSL)" libssl-dev)

# Linux only, and not everywhere: without it, rows beyond memory are read one by one.
pkg_check_modules(URING QUIET IMPORTED_TARGET liburing)
if(URING_FOUND)
  list(APPEND JUDD_PC_REQUIRES liburing)
  list(APPEND JUDD_DEBIAN_PACKAGES liburing-dev)
endif()

target_link_libraries(judd_dependencies INTERFACE
  MPI::MPI_C PkgConfig::HWLOC ${JUDD_HDF5} PkgConfig::OPENBLAS ${SCALAPACK_LIBRARY} PkgConfig::LIBCONFIG ${DNNL_LIBRARY}
  PkgConfig::PROTOBUF_C PkgConfig::ZLIB_PC PkgConfig::JPEG PkgConfig::PNG PkgConfig::XXHASH PkgConfig::UTF8PROC PkgConfig::JANSSON PkgConfig::CRYPTO
  $<$<BOOL:${URING_FOUND}>:PkgConfig::URING> Threads::Threads m)
target_compile_definitions(judd_dependencies INTERFACE $<$<BOOL:${JUDD_XXHASH_DISPATCH}>:JUDD_XXHASH_DISPATCH>
  $<$<BOOL:${URING_FOUND}>:JUDD_IO_URING=1>)
target_include_directories(judd_dependencies SYSTEM INTERFACE ${DNNL_INCLUDE_DIR})
