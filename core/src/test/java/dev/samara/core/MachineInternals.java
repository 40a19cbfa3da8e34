// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.internal.cpu.OwnedCpu;
import dev.samara.core.internal.hostfile.HostFiles;
import dev.samara.core.internal.memory.IndexBudget;
import dev.samara.core.internal.memory.SmallMemory;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.MachineSeams;
import dev.samara.core.internal.space.RetirementHook;
import dev.samara.core.internal.sync.ThreadCount;
import dev.samara.core.vma.Geometry;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/** Machines in which parts are a test's, for tests of other packages. */
public final class MachineInternals {
    /** The class of a machine's records of references. */
    public static final Class<?> SPACE_REFERENCES = SpaceReferences.class;

    private MachineInternals() {}

    /** Builds a machine on which something is done in the retire phase. */
    public static Machine machine(MachineBuilder description, RetirementHook retirement) {
        Machine machine = description.build();
        MachineSeams.retireWith(machine.host(), retirement);
        return machine;
    }

    /** Builds such a machine, whose layout locks are a test's too. */
    public static Machine machine(
            MachineBuilder description, RetirementHook retirement, Supplier<ReentrantLock> locks) {
        return withLocks(machine(description, retirement), locks);
    }

    /** Has the layout locks of a machine without spaces created by a test; returns the machine. */
    public static Machine withLocks(Machine machine, Supplier<ReentrantLock> locks) {
        MachineSeams.lockWith(machine.host(), locks);
        return machine;
    }

    /** Leaves a machine with memory only a few page table contexts; returns the machine. */
    public static Machine withContexts(Machine machine, int contexts) {
        int pageShift = Geometry.LINUX_X86_64.pageShift();
        SmallMemory.leaveContexts(Objects.requireNonNull(machine.host().memory(pageShift), "memory"), contexts);
        return machine;
    }

    /** The files of the host that a machine has open. */
    public static HostFiles hostFiles(Machine machine) {
        return machine.host().hostFiles();
    }

    /** The budget of a machine's page indexes. */
    public static IndexBudget indexBudget(Machine machine) {
        return machine.host().indexBudget();
    }

    /** Whether a thread is one of a machine's. */
    public static boolean isOf(Thread thread, Machine machine) {
        return machine.host().background().isOf(thread);
    }

    /** Whether a machine has a thread now. */
    public static boolean hasThread(Machine machine) {
        return Thread.getAllStackTraces().keySet().stream().anyMatch(thread -> isOf(thread, machine));
    }

    /** The number of a machine's threads. */
    public static int threadsOf(Machine machine) {
        return ThreadCount.of(machine.host().background());
    }

    /** Has the time of a machine's reaps told by a test. */
    public static void timeReapsBy(Machine machine, LongSupplier nanos) {
        MachineSeams.timeReapsBy(machine.host(), nanos);
    }

    /** Goes to a space, unless that is closed; returns whether the CPU is there. */
    public static boolean trySwitchTo(Cpu cpu, AddressSpace space) {
        return cpu.trySwitchTo(space);
    }

    /** The layout to which calls go: that of the space, or an ended one if the reference is closed. */
    public static Layout calledLayoutOf(AddressSpace space) {
        return space.layout();
    }

    /** Has a machine find no memory to remove a space from its list, after it has ended. */
    public static void neverUnlist(Machine machine) {
        MachineSeams.neverUnlist(machine.spaces());
    }

    /** Has a CPU found unreachable, as after a collection. No thread uses the CPU any more. */
    public static void lose(Cpu cpu) {
        OwnedCpu.lose(cpu.owner);
    }

    /** The layout of a space, also if the reference is closed. */
    public static Layout layoutOf(AddressSpace space) {
        return space.own;
    }
}
