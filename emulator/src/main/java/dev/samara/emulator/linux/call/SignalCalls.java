// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.memory.CallMemory.BadAddress;
import dev.samara.emulator.linux.process.GuestProcess;
import dev.samara.emulator.linux.process.GuestThread;
import dev.samara.emulator.linux.process.ProcessTree;
import dev.samara.emulator.linux.signal.PendingSignals.SignalInfo;
import dev.samara.emulator.linux.signal.SignalActions;
import dev.samara.emulator.linux.signal.SignalActions.SignalMask;
import dev.samara.emulator.linux.signal.SignalDelivery;
import dev.samara.emulator.linux.signal.SignalDelivery.AlternateStack;
import dev.samara.emulator.linux.signal.SignalDelivery.SignalFrame;
import dev.samara.emulator.linux.wait.WaitList;
import dev.samara.emulator.linux.wait.WaitList.WaitingThread;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** The signal calls. */
final class SignalCalls {
    private static final int SET_BYTES = 8;
    private static final int BLOCK = 0;
    private static final int UNBLOCK = 1;
    private static final int SET = 2;

    private final GuestThread thread;
    private final CallMemory memory;

    SignalCalls(GuestThread thread) {
        this.thread = thread;
        memory = thread.memory();
    }

    /** {@code struct sigaction} of RISC-V: handler, flags, mask. */
    long action(long number, long newAddress, long oldAddress, long setBytes) {
        if (setBytes != SET_BYTES) {
            return LinuxErrno.EINVAL;
        }
        ByteBuffer changed = newAddress == 0 ? null : memory.getBuffer(newAddress, 3 * Long.BYTES);
        int signal = (int) number;
        if (signal < 1
                || signal > SignalInfo.MOST
                || (newAddress != 0 && (signal == SignalInfo.KILL || signal == SignalInfo.STOP))) {
            return LinuxErrno.EINVAL;
        }
        GuestProcess process = thread.process();
        ByteBuffer old = CallMemory.structure(3 * Long.BYTES);
        synchronized (process.signals()) {
            SignalActions actions = process.actions();
            old.putLong(0, actions.handler(signal))
                    .putLong(8, actions.flags(signal))
                    .putLong(16, actions.mask(signal));
            if (changed != null) {
                actions.set(signal, changed.getLong(0), changed.getLong(8), changed.getLong(16));
                if (actions.isIgnored(signal)) {
                    process.discard(SignalInfo.bit(signal));
                }
            }
        }
        if (oldAddress != 0) {
            memory.put(oldAddress, old);
        }
        return 0;
    }

    long mask(long how, long newAddress, long oldAddress, long setBytes) {
        if (setBytes != SET_BYTES) {
            return LinuxErrno.EINVAL;
        }
        long old = thread.mask().get();
        if (newAddress != 0) {
            long set = memory.getLong(newAddress);
            switch ((int) how) {
                case BLOCK -> thread.mask().set(old | set);
                case UNBLOCK -> thread.mask().set(old & ~set);
                case SET -> thread.mask().set(set);
                default -> {
                    return LinuxErrno.EINVAL;
                }
            }
        }
        if (oldAddress != 0) {
            memory.putLong(oldAddress, old);
        }
        return 0;
    }

    /** {@code rt_sigpending}. Stores as many bytes as the caller requests. */
    long pending(long address, long setBytes) {
        if (Long.compareUnsigned(setBytes, SET_BYTES) > 0) {
            return LinuxErrno.EINVAL;
        }
        long set = (thread.pending().set() | thread.process().pending().set())
                & thread.mask().get();
        memory.put(
                address,
                Arrays.copyOf(CallMemory.structure(SET_BYTES).putLong(0, set).array(), (int) setBytes));
        return 0;
    }

    long suspend(long address, long setBytes) {
        if (setBytes != SET_BYTES) {
            return LinuxErrno.EINVAL;
        }
        return thread.mask().during(memory.getLong(address), () -> {
            thread.await(new WaitList(), () -> false, WaitingThread.NEVER);
            return LinuxErrno.RESTART_WITHOUT_HANDLER;
        });
    }

    long alternateStack(long newAddress, long oldAddress) {
        ByteBuffer old = CallMemory.structure(AlternateStack.BYTES);
        long sp = thread.hart().x[Hart.SP];
        thread.alternateStack().putTo(old, sp);
        if (newAddress != 0) {
            long result = thread.alternateStack().change(memory.getBuffer(newAddress, AlternateStack.BYTES), sp);
            if (result != 0) {
                return result;
            }
        }
        if (oldAddress != 0) {
            memory.put(oldAddress, old);
        }
        return 0;
    }

    /** Returns from a handler ({@code rt_sigreturn}): restores all registers from its frame. */
    void leaveHandler() {
        boolean isWhole;
        try {
            isWhole = SignalFrame.leave(thread);
        } catch (BadAddress noFrame) {
            isWhole = false;
        }
        if (!isWhole) {
            SignalDelivery.force(thread, SignalInfo.ofKernel(SignalInfo.SEGV));
        }
    }

    private SignalInfo info(int signal, int code) {
        GuestProcess own = thread.process();
        return SignalInfo.sent(signal, code, own.pid, own.system.user);
    }

    private static boolean isWrong(long signal) {
        return signal < 0 || signal > SignalInfo.MOST;
    }

    /** {@code kill}: sends a signal to a process, to a group, or to all processes but this one. */
    long kill(long number, long signal) {
        int pid = (int) number;
        if (isWrong(signal)) {
            return LinuxErrno.EINVAL;
        }
        SignalInfo info = info((int) signal, SignalInfo.SI_USER);
        ProcessTree tree = thread.process().system.tree;
        if (pid > 0) {
            GuestProcess found = process(pid);
            return found == null ? LinuxErrno.ESRCH : sendTo(found, info);
        }
        int group = pid == 0 ? tree.group(thread.process().pid) : -pid;
        long result = LinuxErrno.ESRCH;
        for (GuestProcess each : tree.all()) {
            if (pid == -1 ? each != thread.process() : tree.group(each.pid) == group) {
                result = sendTo(each, info);
            }
        }
        return result;
    }

    /** Returns the process with an ID, which may also be that of one of its threads; null if there is none. */
    @Nullable
    GuestProcess process(int id) {
        GuestProcess found = thread.process().system.tree.find(id);
        GuestThread one = found == null ? find(0, id) : null;
        return one == null ? found : one.process();
    }

    /** Returns a thread of a process, or of any process if {@code pid} is 0; null if there is none. */
    private @Nullable GuestThread find(int pid, int tid) {
        GuestThread found = thread.process().system.tree.findThread(tid);
        return found != null && (pid == 0 || found.process().pid == pid) ? found : null;
    }

    /** {@code tgkill}, and for a {@code pid} of 0 {@code tkill}. */
    long killThread(long pid, long tid, long signal) {
        if ((int) tid <= 0 || isWrong(signal)) {
            return LinuxErrno.EINVAL;
        }
        GuestThread target = find((int) pid, (int) tid);
        if (target != null) {
            SignalInfo info = info((int) signal, SignalInfo.SI_TKILL);
            return info.signal() == 0 ? 0 : SignalDelivery.send(target, info);
        }
        // A process that has ended can be found by the ID of its first thread until its parent has waited for it.
        GuestProcess ended = thread.process().system.tree.find((int) tid);
        return ended == null || ((int) pid != 0 && (int) pid != (int) tid) ? LinuxErrno.ESRCH : 0;
    }

    private static long sendTo(GuestProcess target, SignalInfo info) {
        return info.signal() == 0 ? 0 : SignalDelivery.send(target, info);
    }

    /** {@code rt_sigqueueinfo}: only a process itself may claim that the kernel or {@code kill} sent a signal. */
    long queue(long pid, long signal, long address) {
        ByteBuffer given = memory.getBuffer(address, SignalInfo.BYTES);
        SignalInfo info =
                new SignalInfo((int) signal, given.getInt(8), 0, given.getInt(16), given.getInt(20), given.getLong(24));
        if (info.code() >= 0 && (int) pid != thread.tid()) {
            return LinuxErrno.EPERM;
        }
        GuestProcess target = process((int) pid);
        return target == null ? LinuxErrno.ESRCH : isWrong(signal) ? LinuxErrno.EINVAL : sendTo(target, info);
    }

    /** Waits for blocked signals and takes one, without a handler ({@code rt_sigtimedwait}). */
    long await(long setAddress, long infoAddress, long timeAddress, long setBytes) {
        if (setBytes != SET_BYTES) {
            return LinuxErrno.EINVAL;
        }
        long set = memory.getLong(setAddress) & ~SignalMask.NEVER;
        long time = timeAddress == 0 ? 0 : memory.getTime(timeAddress);
        if (time < 0) {
            return LinuxErrno.EINVAL;
        }
        long deadline = timeAddress == 0 ? WaitingThread.NEVER : WaitingThread.after(time);
        GuestProcess process = thread.process();
        SignalInfo[] taken = new SignalInfo[1];
        BooleanSupplier take = () -> {
            synchronized (process.signals()) {
                SignalInfo own = thread.pending().take(set);
                taken[0] = own != null ? own : process.pending().take(set);
            }
            return taken[0] != null;
        };
        // With a timeout of 0, the call does not wait, so no other signal can interrupt it.
        boolean isOver = timeAddress != 0 && time == 0 && !take.getAsBoolean();
        long waited = isOver || taken[0] != null
                ? isOver ? LinuxErrno.ETIMEDOUT : 0
                : thread.await(new WaitList(), take, deadline);
        if (waited != 0) {
            return waited == LinuxErrno.ETIMEDOUT ? LinuxErrno.EAGAIN : LinuxErrno.EINTR;
        }
        if (infoAddress != 0) {
            ByteBuffer info = CallMemory.structure(SignalInfo.BYTES);
            taken[0].putTo(info);
            memory.put(infoAddress, info);
        }
        return taken[0].signal();
    }
}
