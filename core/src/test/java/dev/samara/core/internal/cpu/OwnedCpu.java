// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

/** A CPU of the calling thread without a TLB, for tests. It is never lost, unless a test loses it. */
public final class OwnedCpu {
    /** The flushes of a CPU that has no translations. */
    public static final OwnerTlb NO_TLB = flush(() -> {});

    private OwnedCpu() {}

    /** Takes a CPU online. */
    public static CpuState claim(Cpus cpus, int name, Runnable acknowledge) {
        return cpus.claim(owner(), name, flush(acknowledge));
    }

    /** Returns the flushes of a CPU that has nothing to drop, and acknowledges by an action. */
    public static OwnerTlb flush(Runnable acknowledge) {
        return new OwnerTlb() {
            @Override
            public void acknowledge() {
                acknowledge.run();
            }

            @Override
            public boolean drop(long start, long end) {
                return false;
            }
        };
    }

    /** Makes the calling thread the owner of a CPU that is never lost. */
    public static CpuOwner owner() {
        return new CpuOwner(OwnedCpu.class, message -> {});
    }

    /** Has a CPU found unreachable, as after a collection. No thread uses the CPU any more. */
    public static void lose(CpuOwner of) {
        if (of.isLost) {
            throw new AssertionError("lost before");
        }
        of.isLost = true;
    }
}
