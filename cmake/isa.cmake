# Files under src/ops/cpu/isa/<set>/ are compiled for that instruction set, always optimized; all else for the baseline.
# Without the undefined-behaviour sanitizer: in unrolled kernels it takes g++ a quarter of an hour per file.
set(HEARTH_ISA_FLAGS_scalar "")
set(HEARTH_ISA_FLAGS_avx2 -mavx2 -mfma -mf16c)
set(HEARTH_ISA_FLAGS_avx512 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -mavx2 -mfma -mf16c
    -Wno-uninitialized -Wno-maybe-uninitialized)  # g++ 12 sees them in its own avx512 headers (bug 105593)
set(HEARTH_ISA_FLAGS_avx512_bf16 ${HEARTH_ISA_FLAGS_avx512} -mavx512bf16)
set(HEARTH_ISA_FLAGS_avx2_vnni ${HEARTH_ISA_FLAGS_avx2} -mavxvnni)
set(HEARTH_ISA_FLAGS_amx ${HEARTH_ISA_FLAGS_avx512_bf16} -mamx-tile -mamx-int8 -mamx-bf16)
# Else g++ moves all products of a tile before its sums, has no registers left and keeps them in memory: 4-bit codes then multiply at
# two thirds of the speed. Kernels with VNNI, where one instruction multiplies and sums, move more to memory by it, not less; their speed
# was not measured.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  list(APPEND HEARTH_ISA_FLAGS_avx2 -fno-tree-ter -fno-tree-reassoc)
endif()
foreach(set scalar avx2 avx2_vnni avx512 avx512_bf16 amx)
  file(GLOB isa_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/ops/cpu/isa/${set}/*.cpp)
  if(isa_sources)
    set_source_files_properties(${isa_sources} PROPERTIES COMPILE_OPTIONS "-O2;-fno-sanitize=undefined;${HEARTH_ISA_FLAGS_${set}}")
  endif()
endforeach()
