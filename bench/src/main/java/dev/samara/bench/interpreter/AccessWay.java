// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.Buffer;
import java.nio.MappedByteBuffer;
import java.util.List;
import java.util.Set;

/** The ways in which translated code reaches memory. */
enum AccessWay {
    /** A call for each access, to any memory. */
    CALL(500) {
        @Override
        List<Object> constants(GuestRam ram) {
            return List.of(ram);
        }

        @Override
        AccessCode code(RegionWriter code, List<Object> constants, RegionPlan plan, Set<Long> called) {
            return new CallCode(code, constants.get(0).getClass());
        }
    },

    /** A comparison with the tags of the TLB for each access. */
    TLB(90) {
        @Override
        AccessCode code(RegionWriter code, List<Object> constants, RegionPlan plan, Set<Long> called) {
            return new TlbCode(code, constants);
        }
    },

    /** Translations that are kept in local variables. */
    KEPT(90) {
        @Override
        AccessCode code(RegionWriter code, List<Object> constants, RegionPlan plan, Set<Long> called) {
            return new KeptCode(code, constants, plan, called);
        }
    },

    /** Translations that are kept in local variables, and a {@code MemorySegment}; from JDK 22 on. */
    SEGMENT(90) {
        @Override
        AccessCode code(RegionWriter code, List<Object> constants, RegionPlan plan, Set<Long> called) {
            return new KeptCode(code, constants, plan, called);
        }

        @Override
        Object bytes(MappedByteBuffer region) {
            try {
                Class<?> type = Class.forName("java.lang.foreign.MemorySegment");
                return MethodHandles.publicLookup()
                        .findStatic(type, "ofBuffer", MethodType.methodType(type, Buffer.class))
                        .invoke((Buffer) region);
            } catch (Throwable failed) {
                throw new IllegalStateException("this JDK has no segments: " + failed, failed);
            }
        }
    };

    private final int most;

    /**
     * Makes a way.
     *
     * @param most the most instructions of a region. Most regions of so many are small enough for the compilers of
     *     HotSpot; the others get fewer
     */
    AccessWay(int most) {
        this.most = most;
    }

    final int most() {
        return most;
    }

    /** Returns the constants of the classes for a memory, which is the first of them. */
    List<Object> constants(GuestRam ram) {
        FastRam fast = (FastRam) ram;
        return TlbReads.constants(fast, bytes(fast.tlb().region()));
    }

    Object bytes(MappedByteBuffer region) {
        return region;
    }

    /** Makes the writer of the accesses of one region. */
    abstract AccessCode code(RegionWriter code, List<Object> constants, RegionPlan plan, Set<Long> called);
}
