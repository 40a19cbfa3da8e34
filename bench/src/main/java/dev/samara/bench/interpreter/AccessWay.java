// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.Buffer;
import java.nio.MappedByteBuffer;
import java.util.List;
import java.util.Set;

/** The ways in which translated code accesses memory. */
enum AccessWay {
    /** Each access is a call. Works with any memory. */
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

    /** Each access compares its address with a tag of the TLB. */
    TLB(90) {
        @Override
        AccessCode code(RegionWriter code, List<Object> constants, RegionPlan plan, Set<Long> called) {
            return new TlbCode(code, constants);
        }
    },

    /** The last translations are cached in local variables. */
    KEPT(90) {
        @Override
        AccessCode code(RegionWriter code, List<Object> constants, RegionPlan plan, Set<Long> called) {
            return new KeptCode(code, constants, plan, called);
        }
    },

    /** Like {@link #KEPT}, with a {@code MemorySegment}; from JDK 22 on. */
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
     * Creates a way.
     *
     * @param most the maximum number of instructions in a region. Most regions of this size are small enough for
     *     HotSpot's compilers; larger ones are reduced
     */
    AccessWay(int most) {
        this.most = most;
    }

    final int most() {
        return most;
    }

    /** Returns the constants of the generated classes. The first constant is the memory. */
    List<Object> constants(GuestRam ram) {
        FastRam fast = (FastRam) ram;
        return TlbReads.constants(fast, bytes(fast.tlb().region()));
    }

    Object bytes(MappedByteBuffer region) {
        return region;
    }

    /** Creates the generator of one region's accesses. */
    abstract AccessCode code(RegionWriter code, List<Object> constants, RegionPlan plan, Set<Long> called);
}
