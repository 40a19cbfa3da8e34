// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.call;

import dev.samara.core.mman.MmException;
import dev.samara.examples.riscv.cpu.Hart;
import dev.samara.examples.riscv.linux.abi.LinuxErrno;
import dev.samara.examples.riscv.linux.abi.WaitStatus;
import dev.samara.examples.riscv.linux.file.DescriptorTable;
import dev.samara.examples.riscv.linux.file.PidDescriptor;
import dev.samara.examples.riscv.linux.memory.BadAddress;
import dev.samara.examples.riscv.linux.memory.ProcessMemory;
import dev.samara.examples.riscv.linux.memory.UnnamedMemory;
import dev.samara.examples.riscv.linux.process.GuestProcess;
import dev.samara.examples.riscv.linux.process.GuestSystem;
import dev.samara.examples.riscv.linux.process.GuestThread;
import dev.samara.examples.riscv.linux.process.PidTarget;
import dev.samara.examples.riscv.linux.signal.SignalActions;
import dev.samara.examples.riscv.linux.signal.SignalInfo;
import org.jspecify.annotations.Nullable;

/** The calls that make threads and processes, and those that end them. */
final class CloneCalls {
    private final GuestThread thread;

    CloneCalls(GuestThread thread) {
        this.thread = thread;
    }

    long cloneLegacy(long flags, long stack, long parentTid, long tls, long childTid) {
        return make(CloneArguments.ofClone(flags, stack, parentTid, tls, childTid));
    }

    long clone3(long address, long size) {
        return make(CloneArguments.ofClone3(thread.memory(), address, size));
    }

    private long make(CloneArguments given) {
        if (given.error() != 0) {
            return given.error();
        }
        GuestSystem system = thread.process().system();
        int places = given.has(CloneArguments.THREAD) ? 1 : 2;
        if (!system.reserveTasks(places)) {
            return LinuxErrno.EAGAIN;
        }
        long made;
        try {
            if (given.refusal() != 0) {
                return given.refusal();
            }
            made = places == 1 ? newThread(given) : newProcess(given);
        } catch (MmException e) {
            return LinuxErrno.of(e);
        } finally {
            system.endReserve(places);
        }
        if (made > 0 && places == 2 && given.has(CloneArguments.VFORK)) {
            awaitRelease(system.tree().find((int) made));
        }
        return made;
    }

    private void awaitRelease(@Nullable GuestProcess child) {
        // A child that is gone has released the memory.
        if (child != null) {
            child.awaitRelease(thread);
        }
    }

    private static void prepare(GuestThread child, CloneArguments given) {
        Hart hart = child.hart();
        hart.x[Hart.A0] = 0;
        if (given.stack() != 0) {
            hart.x[Hart.SP] = given.stack();
        }
        if (given.has(CloneArguments.SETTLS)) {
            hart.x[Hart.TP] = given.tls();
        }
        if (given.has(CloneArguments.CHILD_CLEARTID)) {
            child.tidWords().clearAtEnd(given.childTid());
        }
        if (given.has(CloneArguments.CHILD_SETTID)) {
            child.tidWords().storeAtStart(given.childTid());
        }
    }

    /** The descriptor of a child, counted as an open file, and its number; or an error, or 0 if none is wanted. */
    private record ChildDescriptor(long number, @Nullable PidDescriptor file) {
        static ChildDescriptor none(long number) {
            return new ChildDescriptor(number, null);
        }
    }

    /**
     * Makes the descriptor that a child is to have ({@code CLONE_PIDFD}): reserves its number and stores that. The
     * memory of a fork does not have it, since that was copied before.
     */
    private ChildDescriptor newDescriptor(CloneArguments given, GuestThread child) {
        if (!given.has(CloneArguments.PIDFD)) {
            return ChildDescriptor.none(0);
        }
        boolean isThread = given.has(CloneArguments.THREAD);
        PidTarget target = new PidTarget(child.process(), child.tid(), isThread);
        PidDescriptor file = new PidDescriptor(target, isThread ? PidDescriptor.THREAD : 0);
        DescriptorTable files = thread.process().files();
        long number = files.reserve();
        if (number < 0) {
            return ChildDescriptor.none(number);
        }
        ChildDescriptor made = new ChildDescriptor(number, file);
        boolean isCounted = file.countIn(thread.process().system().openFiles());
        if (!isCounted || !puts(given.descriptor(), (int) number)) {
            dropDescriptor(made);
            return ChildDescriptor.none(isCounted ? LinuxErrno.EFAULT : LinuxErrno.ENFILE);
        }
        return made;
    }

    private void dropDescriptor(ChildDescriptor made) {
        if (made.file != null) {
            thread.process().files().endReserve((int) made.number);
            made.file.release();
        }
    }

    private void fillDescriptor(ChildDescriptor made) {
        if (made.file != null) {
            DescriptorTable files = thread.process().files();
            files.fill((int) made.number, made.file, true);
            files.endReserve((int) made.number);
        }
    }

    /** Stores a number; returns whether the address can be written. */
    private boolean puts(long address, int number) {
        try {
            thread.memory().putInt(address, number);
            return true;
        } catch (BadAddress noWord) {
            return false;
        }
    }

    private void storeParentTid(CloneArguments given, int tid) {
        if (given.has(CloneArguments.PARENT_SETTID)) {
            // As in Linux, the child runs also if this fails.
            puts(given.parentTid(), tid);
        }
    }

    private long newThread(CloneArguments given) {
        GuestProcess process = thread.process();
        int tid = process.system().tree().newId();
        GuestThread child = new GuestThread(process, tid, thread);
        prepare(child, given);
        ChildDescriptor descriptor =
                child.reserve() ? newDescriptor(given, child) : ChildDescriptor.none(LinuxErrno.EAGAIN);
        if (descriptor.number < 0) {
            child.discard();
            return descriptor.number;
        }
        storeParentTid(given, tid);
        if (!process.add(child, thread)) {
            dropDescriptor(descriptor);
            child.discard();
            return LinuxErrno.EAGAIN;
        }
        fillDescriptor(descriptor);
        child.start();
        return tid;
    }

    private static ProcessMemory fork(GuestProcess parent) {
        UnnamedMemory unnamed = parent.system().unnamedMemory();
        unnamed.beginFork();
        try {
            return parent.memory().fork();
        } finally {
            unnamed.endFork();
        }
    }

    private long newProcess(CloneArguments given) {
        GuestProcess parent = thread.process();
        GuestSystem system = parent.system();
        int pid = system.tree().newId();
        boolean sharesMemory = given.has(CloneArguments.VM);
        ProcessMemory memory = sharesMemory ? parent.memory().share() : fork(parent);
        GuestProcess process;
        GuestThread child = null;
        ChildDescriptor descriptor = ChildDescriptor.none(LinuxErrno.EAGAIN);
        try {
            process = copyOf(parent, pid, memory, given);
            child = new GuestThread(process, pid, thread);
            if (child.reserve()) {
                descriptor = newDescriptor(given, child);
            }
        } finally {
            if (descriptor.number < 0) {
                giveUp(child, memory);
            }
        }
        if (descriptor.number < 0) {
            process.files().closeAll();
            return descriptor.number;
        }
        prepare(child, given);
        if (!sharesMemory || given.has(CloneArguments.VFORK)) {
            child.alternateStack().copyFrom(thread.alternateStack());
        }
        storeParentTid(given, pid);
        process.addFirst(child);
        system.tree().add(process, parent, given.has(CloneArguments.PARENT));
        fillDescriptor(descriptor);
        child.start();
        if (system.isEnding()) {
            process.kill(SignalInfo.KILL);
        }
        return pid;
    }

    private static GuestProcess copyOf(GuestProcess parent, int pid, ProcessMemory memory, CloneArguments given) {
        return new GuestProcess(
                parent.system(),
                pid,
                memory,
                parent.program(),
                given.has(CloneArguments.FILES)
                        ? parent.files().share()
                        : parent.files().copy(),
                given.has(CloneArguments.FS) ? parent.folder() : parent.folder().copy(),
                actions(parent, given),
                parent.limits(),
                given.has(CloneArguments.PARENT) ? parent.endSignal() : given.endSignal());
    }

    private static void giveUp(@Nullable GuestThread child, ProcessMemory memory) {
        if (child != null) {
            child.discard();
        }
        memory.close();
    }

    private static SignalActions actions(GuestProcess parent, CloneArguments given) {
        synchronized (parent.signals()) {
            if (given.has(CloneArguments.SIGHAND)) {
                return parent.actions();
            }
            SignalActions copy = parent.actions().copy();
            if (given.has(CloneArguments.CLEAR_SIGHAND)) {
                copy.forgetHandlers();
            }
            return copy;
        }
    }

    /** Ends this thread. The status is the process's if it is the last one. */
    long exitThread(long status) {
        if (thread.process().threads() == 1) {
            thread.process().exit(WaitStatus.exited((int) status));
        }
        thread.kill();
        return 0;
    }

    long exitProcess(long status) {
        thread.process().exit(WaitStatus.exited((int) status));
        return 0;
    }
}
