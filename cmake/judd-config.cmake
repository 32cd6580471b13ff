# find_package(judd): target judd::judd, and everything it links.
include(${CMAKE_CURRENT_LIST_DIR}/Dependencies.cmake)
if(JUDD_MISSING)
  set(judd_FOUND FALSE)
  set(judd_NOT_FOUND_MESSAGE "${JUDD_MISSING}")
  return()
endif()
add_library(judd::dependencies ALIAS judd_dependencies)
include(${CMAKE_CURRENT_LIST_DIR}/judd-targets.cmake)
