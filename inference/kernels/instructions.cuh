// Instructions of NVIDIA's Hopper GPUs for which CUDA C++ has no names. Places in shared memory are its
// own addresses, of 32 bits. KIND, "bf16" or "f16", is defined outside.

#pragma once

typedef unsigned int word;
typedef unsigned char byte;
typedef unsigned long long address;

__device__ word load(word at) {
    word value;
    asm volatile("ld.shared.b32 %0, [%1];" : "=r"(value) : "r"(at));
    return value;
}

__device__ uint2 load_2(word at) {
    uint2 value;
    asm volatile("ld.shared.v2.b32 {%0, %1}, [%2];" : "=r"(value.x), "=r"(value.y) : "r"(at));
    return value;
}

__device__ uint4 load_4(word at) {
    uint4 value;
    asm volatile("ld.shared.v4.b32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(value.x), "=r"(value.y), "=r"(value.z), "=r"(value.w) : "r"(at));
    return value;
}

// Anything, if `so` is not 0.
__device__ uint4 load_4_if_zero(int so, word at) {
    uint4 value;
    asm volatile("{\n.reg .pred zero;\nsetp.eq.s32 zero, %5, 0;\n@zero ld.shared.v4.b32 {%0, %1, %2, %3}, [%4];\n}"
                 : "=r"(value.x), "=r"(value.y), "=r"(value.z), "=r"(value.w) : "r"(at), "r"(so));
    return value;
}

__device__ void store_4(word at, uint4 value) {
    asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};"
                 :: "r"(at), "r"(value.x), "r"(value.y), "r"(value.z), "r"(value.w) : "memory");
}

// sum += weights (16 outputs, 16 inputs) · x (16 inputs, 8 rows), each lane's part of them.
__device__ void multiply(float (&sum)[4], const word (&weights)[4], word x, word further_x) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32." KIND "." KIND ".f32 "
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
                 : "r"(weights[0]), "r"(weights[1]), "r"(weights[2]), "r"(weights[3]), "r"(x), "r"(further_x));
}

__device__ unsigned short rounded(float value) {
    unsigned short bits;
    asm("cvt.rn." KIND ".f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
}

// A barrier has turns, whose phases are 0 and 1 by turns. A turn ends when so many have arrived, and what they
// expect has been copied.
__device__ void prepare(word barrier, int arrivals) {
    asm volatile("mbarrier.init.shared.b64 [%0], %1;" :: "r"(barrier), "r"(arrivals) : "memory");
}

__device__ void arrive(word barrier) {
    asm volatile("mbarrier.arrive.shared.b64 _, [%0];" :: "r"(barrier) : "memory");
}

__device__ void arrive_and_expect(word barrier, int bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared.b64 _, [%0], %1;" :: "r"(barrier), "r"(bytes) : "memory");
}

// Until the turn of this phase has ended. Before the first turn, that of phase 1 has.
__device__ void wait(word barrier, word phase) {
    asm volatile("{\n.reg .pred ended;\nagain: mbarrier.try_wait.parity.shared.b64 ended, [%0], %1;\n"
                 "@!ended bra again;\n}" :: "r"(barrier), "r"(phase) : "memory");
}

struct alignas(64) Map { byte bytes[128]; };  // A CUtensorMap.

// Has a box of a tensor copied, from its beginning on in the innermost axis, and from these places in the others.
__device__ void copy_box(word to, const Map& map, int middle, int outer, word barrier) {
    asm volatile("cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes "
                 "[%0], [%1, {0, %2, %3}], [%4];"
                 :: "r"(to), "l"(&map), "r"(middle), "r"(outer), "r"(barrier) : "memory");
}

// Lets the next kernel be put in place.
__device__ void let_next_start() { asm volatile("griddepcontrol.launch_dependents;" ::: "memory"); }

// Until all kernels in front have ended.
__device__ void wait_for_others() { asm volatile("griddepcontrol.wait;" ::: "memory"); }
