// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.RetirementHook;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/** Machines whose retire phase is a test's, for tests of other packages. */
public final class MachineInternals {
    private MachineInternals() {}

    /** Builds a machine on which something is done in the retire phase. */
    public static Machine machine(Machine.Builder description, RetirementHook retirement) {
        return description.retirement(retirement).build();
    }

    /** Builds such a machine, whose layout locks are a test's too. */
    public static Machine machine(
            Machine.Builder description, RetirementHook retirement, Supplier<ReentrantLock> locks) {
        return machine(description.locks(locks), retirement);
    }

    /** The description of a machine with memory whose layout locks are a test's. */
    public static Machine.Builder builderWith(Supplier<ReentrantLock> locks) {
        return Machine.builder().memory(1 << 20).locks(locks);
    }

    /** The description of a machine with memory and few workers. */
    public static Machine.Builder builderWith(int workers) {
        return Machine.builder().memory(1 << 20).workers(workers);
    }

    /** Whether a thread is one of a machine's. */
    public static boolean isOf(Thread thread, Machine machine) {
        return machine.host().background().isOf(thread);
    }

    /** What tests of other packages look into. */
    public static Layout layoutOf(AddressSpace space) {
        return space.layout();
    }
}
