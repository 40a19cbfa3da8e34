// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.core.mman.MmException;
import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.DescriptorTable;
import dev.samara.emulator.linux.memory.BadAddress;
import dev.samara.emulator.linux.memory.ProcessMemory;
import dev.samara.emulator.linux.memory.UnnamedMemory;
import dev.samara.emulator.linux.process.GuestProcess;
import dev.samara.emulator.linux.process.GuestSystem;
import dev.samara.emulator.linux.process.GuestThread;
import dev.samara.emulator.linux.signal.SignalActions;
import dev.samara.emulator.linux.signal.SignalInfo;
import org.jspecify.annotations.Nullable;

/** The calls that create and end threads and processes. */
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
        // A child that no longer exists has released the memory.
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
            // As on Linux, the child runs even if this fails.
            puts(given.parentTid(), tid);
        }
    }

    private long newThread(CloneArguments given) {
        GuestProcess process = thread.process();
        int tid = process.system().tree().newId();
        GuestThread child = new GuestThread(process, tid, thread);
        boolean isMade = false;
        try {
            prepare(child, given);
            if (child.reserve()) {
                storeParentTid(given, tid);
                isMade = process.add(child, thread);
            }
        } finally {
            if (!isMade) {
                child.discard();
            }
        }
        if (isMade) {
            child.start();
        }
        return isMade ? tid : LinuxErrno.EAGAIN;
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
        GuestProcess process = null;
        GuestThread child = null;
        boolean isMade = false;
        try {
            process = copyOf(parent, pid, memory, given);
            child = new GuestThread(process, pid, thread);
            prepare(child, given);
            if (!sharesMemory || given.has(CloneArguments.VFORK)) {
                child.alternateStack().copyFrom(thread.alternateStack());
            }
            if (child.reserve()) {
                storeParentTid(given, pid);
                process.addFirst(child);
                system.tree().add(process, parent, given.has(CloneArguments.PARENT));
                isMade = true;
            }
        } finally {
            if (!isMade) {
                giveUp(process, child, memory);
            }
        }
        if (!isMade) {
            return LinuxErrno.EAGAIN;
        }
        child.start();
        if (system.isEnding()) {
            process.kill(SignalInfo.KILL);
        }
        return pid;
    }

    /** Creates a process. If the process does not start, the caller closes its files. */
    private static GuestProcess copyOf(GuestProcess parent, int pid, ProcessMemory memory, CloneArguments given) {
        DescriptorTable files = given.has(CloneArguments.FILES)
                ? parent.files().share()
                : parent.files().copy();
        GuestProcess made = null;
        try {
            made = copyOf(parent, pid, memory, files, given);
            return made;
        } finally {
            if (made == null) {
                files.closeAll();
            }
        }
    }

    private static GuestProcess copyOf(
            GuestProcess parent, int pid, ProcessMemory memory, DescriptorTable files, CloneArguments given) {
        return new GuestProcess(
                parent.system(),
                pid,
                memory,
                parent.program(),
                files,
                given.has(CloneArguments.FS) ? parent.folder() : parent.folder().copy(),
                actions(parent, given),
                parent.limits(),
                given.has(CloneArguments.PARENT) ? parent.endSignal() : given.endSignal());
    }

    private static void giveUp(@Nullable GuestProcess process, @Nullable GuestThread child, ProcessMemory memory) {
        if (child != null) {
            child.discard();
        }
        if (process != null) {
            process.files().closeAll();
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
}
