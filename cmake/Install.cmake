# cmake --install: the program with what it finds at run time, and the library for programs of others.
include(CMakePackageConfigHelpers)
set(PROGRAM COMPONENT program)
set(DEVELOPMENT COMPONENT development)

install(TARGETS judd RUNTIME ${PROGRAM})
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr") # what an administrator edits lies in /etc; its place has a link to it
  set(SITE_CONF slurm/site.conf)
  set(SITE_FOLDER ${CMAKE_INSTALL_FULL_SYSCONFDIR}/judd)
  file(CREATE_LINK ${SITE_FOLDER}/site.conf ${CMAKE_BINARY_DIR}/site.conf SYMBOLIC)
  install(FILES ${SITE_CONF} DESTINATION ${SITE_FOLDER} ${PROGRAM})
  install(FILES ${CMAKE_BINARY_DIR}/site.conf DESTINATION ${CMAKE_INSTALL_DATADIR}/judd/slurm ${PROGRAM})
endif()
install(DIRECTORY configs jobs slurm DESTINATION ${CMAKE_INSTALL_DATADIR}/judd ${PROGRAM} USE_SOURCE_PERMISSIONS
        PATTERN jobs/text EXCLUDE PATTERN .* EXCLUDE PATTERN "${SITE_CONF}" EXCLUDE)

# The documents' links lead to where things are installed.
function(install_document file from to destination)
  set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${file})
  file(READ ${CMAKE_SOURCE_DIR}/${file} text)
  string(REPLACE "](${from}" "](${to}" text "${text}")
  file(WRITE ${CMAKE_BINARY_DIR}/installed/${file} "${text}")
  install(FILES ${CMAKE_BINARY_DIR}/installed/${file} DESTINATION ${destination} ${PROGRAM})
endfunction()
file(RELATIVE_PATH SHARE_FROM_DOC ${CMAKE_INSTALL_FULL_DOCDIR} ${CMAKE_INSTALL_FULL_DATADIR}/judd)
file(RELATIVE_PATH DOC_FROM_JOBS ${CMAKE_INSTALL_FULL_DATADIR}/judd/jobs ${CMAKE_INSTALL_FULL_DOCDIR})
install_document(README.md configs/ ${SHARE_FROM_DOC}/configs/ ${CMAKE_INSTALL_DOCDIR})
install_document(jobs/README.md ../README.md ${DOC_FROM_JOBS}/README.md ${CMAKE_INSTALL_DATADIR}/judd/jobs)
install(FILES CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR} ${PROGRAM})
install(FILES tests/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR}/tests ${PROGRAM})
install(FILES LICENSE RENAME copyright DESTINATION ${CMAKE_INSTALL_DOCDIR} ${PROGRAM})
install(FILES docs/metrics.md docs/report.md docs/report.png DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs ${PROGRAM})

# Manual page and completion, from the table of options that the program parses.
set(DOCUMENTS ${CMAKE_BINARY_DIR}/documents)
foreach(document "man judd.1" "bash judd" "zsh _judd")
  separate_arguments(document)
  list(GET document 0 kind)
  list(GET document 1 file)
  add_custom_command(OUTPUT ${DOCUMENTS}/${kind}/${file}
                     COMMAND ${CMAKE_COMMAND} -E make_directory ${DOCUMENTS}/${kind}
                     COMMAND judd help --${kind} > ${DOCUMENTS}/${kind}/${file} DEPENDS judd VERBATIM)
  list(APPEND DOCUMENT_FILES ${DOCUMENTS}/${kind}/${file})
endforeach()
add_custom_target(documents ALL DEPENDS ${DOCUMENT_FILES})
install(FILES ${DOCUMENTS}/man/judd.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 ${PROGRAM})
install(FILES ${DOCUMENTS}/bash/judd DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions ${PROGRAM})
install(FILES ${DOCUMENTS}/zsh/_judd DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions ${PROGRAM})

install(TARGETS libjudd EXPORT judd-targets INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        ARCHIVE ${DEVELOPMENT} LIBRARY ${PROGRAM} NAMELINK_COMPONENT development)
install(DIRECTORY include/judd DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} ${DEVELOPMENT})
if(BUILD_SHARED_LIBS)
  file(RELATIVE_PATH LIB_FROM_BIN ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
  set_target_properties(judd PROPERTIES INSTALL_RPATH $ORIGIN/${LIB_FROM_BIN})
endif()

# ---- find_package(judd): judd::judd --------------------------------------------------------------------------
set(PACKAGE ${CMAKE_INSTALL_LIBDIR}/cmake/judd)
install(EXPORT judd-targets NAMESPACE judd:: DESTINATION ${PACKAGE} ${DEVELOPMENT})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/judd-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES cmake/judd-config.cmake cmake/Dependencies.cmake ${CMAKE_BINARY_DIR}/judd-config-version.cmake
        DESTINATION ${PACKAGE} ${DEVELOPMENT})

# ---- judd.pc: what a static library needs is needed by whoever links it -----------------------------------------
file(RELATIVE_PATH PREFIX_FROM_PC ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
list(APPEND JUDD_PC_LIBS ${SCALAPACK_LIBRARY} ${DNNL_LIBRARY} ${MPI_C_LIBRARIES} -lpthread -lm)
set(JUDD_PC_CFLAGS ${JUDD_PC_HDF5_INCLUDE} ${MPI_C_INCLUDE_DIRS})
list(TRANSFORM JUDD_PC_CFLAGS PREPEND -I)
list(JOIN JUDD_PC_REQUIRES ", " JUDD_PC_REQUIRES)
list(JOIN JUDD_PC_LIBS " " JUDD_PC_LIBS)
list(JOIN JUDD_PC_CFLAGS " " JUDD_PC_CFLAGS)
configure_file(cmake/judd.pc.in judd.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/judd.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig ${DEVELOPMENT})

install(DIRECTORY docs/example DESTINATION ${CMAKE_INSTALL_DOCDIR} ${DEVELOPMENT})

# ---- cpack: judd and libjudd-dev; tools/packaging/deb builds them for /usr -----------------------------------------
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "The Judd developers <judd@localhost>")
set(CPACK_PACKAGING_INSTALL_PREFIX ${CMAKE_INSTALL_PREFIX})
set(CPACK_COMPONENTS_ALL program development)
set(CPACK_STRIP_FILES ON)
set(CPACK_SET_DESTDIR ON) # /etc is not below /usr
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME judd)
set(CPACK_COMPONENT_PROGRAM_DESCRIPTION "trains small heads on features of pretrained networks or word vectors on many
 ranks, and says with statistics whether transfer learning helped.")
set(CPACK_DEBIAN_PROGRAM_PACKAGE_DEPENDS openmpi-bin) # also a single process starts its daemon
set(CPACK_DEBIAN_PROGRAM_PACKAGE_RECOMMENDS gnuplot-nox)
if(SITE_FOLDER)
  file(WRITE ${CMAKE_BINARY_DIR}/conffiles "${SITE_FOLDER}/site.conf\n")
  set(CPACK_DEBIAN_PROGRAM_PACKAGE_CONTROL_EXTRA ${CMAKE_BINARY_DIR}/conffiles)
endif()
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SUGGESTS dataset-fashion-mnist)
list(JOIN JUDD_DEBIAN_PACKAGES ", " CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libjudd-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "library, headers, pkg-config and CMake files of judd, and an example.")
include(CPack)
