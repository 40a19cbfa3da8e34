// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.core.mman.MmException;
import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.DescriptorTable;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.memory.CallMemory.BadAddress;
import dev.samara.emulator.linux.memory.ProcessMemory;
import dev.samara.emulator.linux.memory.UnnamedMemory;
import dev.samara.emulator.linux.process.GuestProcess;
import dev.samara.emulator.linux.process.GuestSystem;
import dev.samara.emulator.linux.process.GuestThread;
import dev.samara.emulator.linux.signal.PendingSignals.SignalInfo;
import dev.samara.emulator.linux.signal.SignalActions;
import java.nio.ByteBuffer;
import java.util.Arrays;
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
        GuestSystem system = thread.process().system;
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
            GuestProcess child = system.tree.find((int) made);
            // A child that no longer exists has released the memory.
            if (child != null) {
                child.awaitRelease(thread);
            }
        }
        return made;
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
            child.tidWords.clearAtEnd(given.childTid());
        }
        if (given.has(CloneArguments.CHILD_SETTID)) {
            child.tidWords.storeAtStart(given.childTid());
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
        int tid = process.system.tree.newId();
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
        UnnamedMemory unnamed = parent.system.unnamed;
        unnamed.beginFork();
        try {
            return parent.memory().fork();
        } finally {
            unnamed.endFork();
        }
    }

    private long newProcess(CloneArguments given) {
        GuestProcess parent = thread.process();
        GuestSystem system = parent.system;
        int pid = system.tree.newId();
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
                system.tree.add(process, parent, given.has(CloneArguments.PARENT));
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
        DescriptorTable files = given.has(CloneArguments.FILES) ? parent.files.share() : parent.files.copy();
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
                parent.system,
                pid,
                memory,
                parent.program(),
                files,
                given.has(CloneArguments.FS) ? parent.folder : parent.folder.copy(),
                actions(parent, given),
                parent.limits,
                given.has(CloneArguments.PARENT) ? parent.endSignal() : given.endSignal());
    }

    private static void giveUp(@Nullable GuestProcess process, @Nullable GuestThread child, ProcessMemory memory) {
        if (child != null) {
            child.discard();
        }
        if (process != null) {
            process.files.closeAll();
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

    /**
     * The arguments of {@code clone} and of {@code clone3}.
     *
     * @param error why the call fails; 0 if it does not
     * @param flags the flags
     * @param endSignal the signal that tells the parent of the child's end
     * @param stack the end of the child's stack; 0 for that of its creator
     * @param parentTid where the parent stores the child's ID
     * @param childTid where the child stores or clears its ID
     * @param tls the child's thread pointer
     */
    record CloneArguments(long error, long flags, int endSignal, long stack, long parentTid, long childTid, long tls) {
        static final long VM = 0x100;
        static final long FS = 0x200;
        static final long FILES = 0x400;
        static final long SIGHAND = 0x800;
        static final long VFORK = 0x4000;
        static final long PARENT = 0x8000;
        static final long THREAD = 0x10000;
        static final long SETTLS = 0x80000;
        static final long PARENT_SETTID = 0x100000;
        static final long CHILD_CLEARTID = 0x200000;
        static final long CHILD_SETTID = 0x1000000;
        static final long CLEAR_SIGHAND = 0x1_0000_0000L;

        private static final long END_SIGNAL = 0xff;
        private static final long SYSVSEM = 0x40000;
        private static final long DETACHED = 0x400000;
        private static final long IO = 0x8000_0000L;

        /** A new namespace needs privileges, which no guest has. */
        private static final long NAMESPACES = 0x7e02_0080L;

        private static final long KNOWN = VM
                | FS
                | FILES
                | SIGHAND
                | VFORK
                | PARENT
                | THREAD
                | SETTLS
                | PARENT_SETTID
                | CHILD_CLEARTID
                | CHILD_SETTID
                | CLEAR_SIGHAND
                | SYSVSEM
                | IO;

        private static final int FIRST_SIZE = 64;
        private static final int SIZE = 88;
        private static final int MOST_SIZE = 4096;

        static CloneArguments ofClone(long given, long stack, long parentTid, long tls, long childTid) {
            long flags = given & 0xffff_ffffL & ~(END_SIGNAL | DETACHED);
            return new CloneArguments(check(flags), flags, (int) (given & END_SIGNAL), stack, parentTid, childTid, tls);
        }

        private static CloneArguments failed(long error) {
            return new CloneArguments(error, 0, 0, 0, 0, 0, 0);
        }

        /** Reads {@code struct clone_args}. IDs that the caller chooses and control groups are not supported. */
        static CloneArguments ofClone3(CallMemory memory, long address, long size) {
            if (Long.compareUnsigned(size, MOST_SIZE) > 0) {
                return failed(LinuxErrno.E2BIG);
            }
            if (size < FIRST_SIZE) {
                return failed(LinuxErrno.EINVAL);
            }
            byte[] bytes = memory.get(address, (int) size);
            for (int i = FIRST_SIZE; i < size; i++) {
                if (bytes[i] != 0) {
                    return failed(i < SIZE ? LinuxErrno.EINVAL : LinuxErrno.E2BIG);
                }
            }
            ByteBuffer given = CallMemory.structure(SIZE).put(Arrays.copyOf(bytes, SIZE));
            long flags = given.getLong(0);
            long endSignal = given.getLong(32);
            long stack = given.getLong(40);
            long stackSize = given.getLong(48);
            boolean isWrong = (flags & (DETACHED | END_SIGNAL)) != 0
                    || (flags & (SIGHAND | CLEAR_SIGHAND)) == (SIGHAND | CLEAR_SIGHAND)
                    || Long.compareUnsigned(endSignal, SignalInfo.MOST) > 0
                    || ((flags & (THREAD | PARENT)) != 0 && endSignal != 0)
                    || (stack == 0) != (stackSize == 0);
            return new CloneArguments(
                    isWrong ? LinuxErrno.EINVAL : check(flags),
                    flags,
                    (int) endSignal,
                    stack + stackSize,
                    given.getLong(24),
                    given.getLong(16),
                    given.getLong(56));
        }

        private static long check(long flags) {
            if ((flags & NAMESPACES) != 0) {
                return LinuxErrno.EPERM;
            }
            boolean isWrong = (flags & ~KNOWN) != 0
                    || ((flags & THREAD) != 0 && (flags & SIGHAND) == 0)
                    || ((flags & SIGHAND) != 0 && (flags & VM) == 0);
            return isWrong ? LinuxErrno.EINVAL : 0;
        }

        boolean has(long flag) {
            return (flags & flag) != 0;
        }
    }
}
