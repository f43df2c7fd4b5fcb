# Libraries, each under one target name. Their packages stand in tools/packages.
find_package(Threads REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(cxxopts REQUIRED)
find_package(PkgConfig REQUIRED)

# Looks up a library by pkg-config and gives it as target mlp::NAME. Where static libraries are asked for, it is
# linked from its archive, together with whatever else is given, which the archive needs.
function(mlp_find_library name module archive)
  pkg_check_modules(${name} REQUIRED ${module})
  add_library(mlp_${name} INTERFACE)
  target_include_directories(mlp_${name} SYSTEM INTERFACE ${${name}_INCLUDE_DIRS})
  if(MLP_STATIC_LIBRARIES)
    find_library(${name}_ARCHIVE NAMES ${archive} HINTS ${${name}_LIBRARY_DIRS} REQUIRED)
    target_link_libraries(mlp_${name} INTERFACE ${${name}_ARCHIVE} ${ARGN})
  else()
    target_link_directories(mlp_${name} INTERFACE ${${name}_LIBRARY_DIRS})
    target_link_libraries(mlp_${name} INTERFACE ${${name}_LIBRARIES})
  endif()
  add_library(mlp::${name} ALIAS mlp_${name})
endfunction()

if(MLP_STATIC_LIBRARIES)
  # oneDNN, which Debian has as a shared library only, is then the one library that the program asks for beside
  # the compiler's own: fmt and spdlog are compiled from their headers.
  set_property(TARGET fmt::fmt APPEND PROPERTY INTERFACE_COMPILE_DEFINITIONS FMT_HEADER_ONLY=1)
  set_property(TARGET spdlog::spdlog PROPERTY INTERFACE_COMPILE_DEFINITIONS SPDLOG_FMT_EXTERNAL FMT_HEADER_ONLY=1)
  target_link_options(mlp_options INTERFACE -Wl,--as-needed -Wl,--gc-sections)
  add_library(mlp_hdf5_without_network STATIC "${CMAKE_CURRENT_LIST_DIR}/hdf5_without_network.cc")
endif()

mlp_find_library(libdeflate libdeflate libdeflate.a)
mlp_find_library(zlib zlib libz.a)
mlp_find_library(zstd libzstd libzstd.a)
mlp_find_library(minizip minizip libminizip.a -l:libz.a)
mlp_find_library(hdf5 hdf5-serial libhdf5.a mlp_hdf5_without_network -l:libsz.a -l:libaec.a -l:libz.a dl m)

# oneDNN's own package file asks for OpenCL's headers, which nothing here needs.
find_path(MLP_DNNL_INCLUDE_DIR oneapi/dnnl/dnnl.h REQUIRED)
find_library(MLP_DNNL_LIBRARY dnnl REQUIRED)
add_library(mlp_dnnl INTERFACE)
target_include_directories(mlp_dnnl SYSTEM INTERFACE "${MLP_DNNL_INCLUDE_DIR}")
target_link_libraries(mlp_dnnl INTERFACE "${MLP_DNNL_LIBRARY}")
add_library(mlp::dnnl ALIAS mlp_dnnl)

# Asio and Beast, of which the headers are all.
find_path(MLP_BOOST_INCLUDE_DIR boost/beast/http.hpp REQUIRED)
add_library(mlp_beast INTERFACE)
target_include_directories(mlp_beast SYSTEM INTERFACE "${MLP_BOOST_INCLUDE_DIR}")
target_link_libraries(mlp_beast INTERFACE Threads::Threads)
if(MLP_SANITIZE MATCHES thread)
  # ThreadSanitizer knows no fences; the locks of Asio's scheduler order what crosses threads.
  target_compile_definitions(mlp_beast INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
endif()
add_library(mlp::beast ALIAS mlp_beast)
