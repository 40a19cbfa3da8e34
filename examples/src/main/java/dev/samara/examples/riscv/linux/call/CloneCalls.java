// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.call;

import dev.samara.core.mman.MmException;
import dev.samara.examples.riscv.cpu.Hart;
import dev.samara.examples.riscv.linux.abi.LinuxErrno;
import dev.samara.examples.riscv.linux.abi.WaitStatus;
import dev.samara.examples.riscv.linux.memory.BadAddress;
import dev.samara.examples.riscv.linux.memory.ProcessMemory;
import dev.samara.examples.riscv.linux.memory.UnnamedMemory;
import dev.samara.examples.riscv.linux.process.GuestProcess;
import dev.samara.examples.riscv.linux.process.GuestSystem;
import dev.samara.examples.riscv.linux.process.GuestThread;
import dev.samara.examples.riscv.linux.signal.SignalActions;
import dev.samara.examples.riscv.linux.signal.SignalInfo;
import org.jspecify.annotations.Nullable;

/** The calls that make threads and processes, and those that end them. */
final class CloneCalls {
    private static final long SHARES_MEMORY = 0x100;
    private static final long SHARES_FOLDER = 0x200;
    private static final long SHARES_FILES = 0x400;
    private static final long SHARES_HANDLERS = 0x800;
    private static final long WAITS = 0x4000;
    private static final long IS_THREAD = 0x10000;
    private static final long SETS_TLS = 0x80000;
    private static final long SETS_PARENT_TID = 0x100000;
    private static final long CLEARS_CHILD_TID = 0x200000;
    private static final long SETS_CHILD_TID = 0x1000000;
    private static final long END_SIGNAL = 0xff;

    private final GuestThread thread;

    CloneCalls(GuestThread thread) {
        this.thread = thread;
    }

    /** The order of arguments is that of RISC-V: flags, stack, parent's tid, tls, child's tid. */
    long cloneThread(long flags, long stack, long parentTid, long tls, long childTid) {
        boolean isAlone = (flags & SHARES_HANDLERS) == 0;
        if (isAlone ? (flags & IS_THREAD) != 0 : (flags & SHARES_MEMORY) == 0) {
            return LinuxErrno.EINVAL;
        }
        GuestSystem system = thread.process().system();
        int places = (flags & IS_THREAD) != 0 ? 1 : 2;
        if (!system.reserveTasks(places)) {
            return LinuxErrno.EAGAIN;
        }
        long made;
        try {
            made = (flags & IS_THREAD) != 0
                    ? newThread(flags, stack, parentTid, tls, childTid)
                    : newProcess(flags, stack, parentTid, tls, childTid);
        } catch (MmException e) {
            return LinuxErrno.of(e);
        } finally {
            system.endReserve(places);
        }
        if (made > 0 && places == 2 && (flags & WAITS) != 0) {
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

    private static void prepare(GuestThread child, long flags, long stack, long tls, long childTid) {
        Hart hart = child.hart();
        hart.x[Hart.A0] = 0;
        if (stack != 0) {
            hart.x[Hart.SP] = stack;
        }
        if ((flags & SETS_TLS) != 0) {
            hart.x[Hart.TP] = tls;
        }
        if ((flags & CLEARS_CHILD_TID) != 0) {
            child.tidWords().clearAtEnd(childTid);
        }
    }

    private long newThread(long flags, long stack, long parentTid, long tls, long childTid) {
        GuestProcess process = thread.process();
        int tid = process.system().tree().newId();
        GuestThread child = new GuestThread(process, tid, thread);
        prepare(child, flags, stack, tls, childTid);
        boolean isAdded = false;
        try {
            if (!child.reserve()) {
                return LinuxErrno.EAGAIN;
            }
            if ((flags & SETS_PARENT_TID) != 0) {
                thread.memory().putInt(parentTid, tid);
            }
            if ((flags & SETS_CHILD_TID) != 0) {
                thread.memory().putInt(childTid, tid);
            }
            isAdded = process.add(child, thread);
        } finally {
            if (!isAdded) {
                child.discard();
            }
        }
        if (isAdded) {
            child.start();
        }
        return isAdded ? tid : LinuxErrno.EAGAIN;
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

    private long newProcess(long flags, long stack, long parentTid, long tls, long childTid) {
        GuestProcess parent = thread.process();
        GuestSystem system = parent.system();
        int pid = system.tree().newId();
        boolean sharesMemory = (flags & SHARES_MEMORY) != 0;
        ProcessMemory memory = sharesMemory ? parent.memory().share() : fork(parent);
        GuestProcess process;
        GuestThread child = null;
        boolean isComplete = false;
        try {
            process = new GuestProcess(
                    system,
                    pid,
                    memory,
                    parent.program(),
                    (flags & SHARES_FILES) != 0
                            ? parent.files().share()
                            : parent.files().copy(),
                    (flags & SHARES_FOLDER) != 0
                            ? parent.folder()
                            : parent.folder().copy(),
                    actionsOf(parent),
                    parent.limits(),
                    (int) (flags & END_SIGNAL));
            child = new GuestThread(process, pid, thread);
            isComplete = child.reserve();
        } finally {
            if (!isComplete) {
                giveUp(child, memory);
            }
        }
        if (!isComplete) {
            process.files().closeAll();
            return LinuxErrno.EAGAIN;
        }
        prepare(child, flags, stack, tls, childTid);
        if (!sharesMemory || stack == 0) {
            child.alternateStack().copyFrom(thread.alternateStack());
        }
        if ((flags & SETS_PARENT_TID) != 0) {
            putSafely(thread, parentTid, pid);
        }
        if ((flags & SETS_CHILD_TID) != 0) {
            child.tidWords().storeAtStart(childTid);
        }
        child.process().addFirst(child);
        system.tree().add(child.process(), parent);
        child.start();
        if (system.isEnding()) {
            child.process().kill(SignalInfo.KILL);
        }
        return pid;
    }

    private static void giveUp(@Nullable GuestThread child, ProcessMemory memory) {
        if (child != null) {
            child.discard();
        }
        memory.close();
    }

    private static SignalActions actionsOf(GuestProcess parent) {
        synchronized (parent.signals()) {
            return parent.actions().copy();
        }
    }

    private static void putSafely(GuestThread thread, long address, int number) {
        try {
            thread.memory().putInt(address, number);
        } catch (BadAddress ignored) {
            // As in Linux, the child runs without it.
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
