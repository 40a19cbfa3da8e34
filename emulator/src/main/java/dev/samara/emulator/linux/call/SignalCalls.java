// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.memory.BadAddress;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.process.Credentials;
import dev.samara.emulator.linux.process.GuestProcess;
import dev.samara.emulator.linux.process.GuestThread;
import dev.samara.emulator.linux.process.ProcessTree;
import dev.samara.emulator.linux.signal.AlternateStack;
import dev.samara.emulator.linux.signal.SignalActions;
import dev.samara.emulator.linux.signal.SignalDelivery;
import dev.samara.emulator.linux.signal.SignalFrame;
import dev.samara.emulator.linux.signal.SignalInfo;
import dev.samara.emulator.linux.signal.SignalMask;
import dev.samara.emulator.linux.wait.WaitList;
import dev.samara.emulator.linux.wait.WaitingThread;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** The signal calls. */
final class SignalCalls {
    private static final int SET_BYTES = 8;
    private static final int BLOCK = 0;
    private static final int UNBLOCK = 1;
    private static final int SET = 2;

    /** The flags of {@code pidfd_send_signal}, which determine the receivers of the signal. */
    static final int TO_THREAD = 1;

    static final int TO_PROCESS = 2;
    static final int TO_GROUP = 4;
    static final int SCOPES = TO_THREAD | TO_PROCESS | TO_GROUP;

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
        return SignalInfo.sent(
                signal,
                code,
                thread.process().pid(),
                thread.credentials().users().real());
    }

    private static boolean isWrong(long signal) {
        return signal < 0 || signal > SignalInfo.MOST;
    }

    long kill(long number, long signal) {
        int pid = (int) number;
        ProcessTree tree = thread.process().system().tree();
        List<GuestProcess> targets;
        if (pid > 0) {
            GuestProcess found = process(pid);
            targets = found == null ? List.of() : List.of(found);
        } else if (pid == -1) {
            targets = new ArrayList<>(tree.all());
            targets.remove(thread.process());
            long result = sendToAll(targets, info((int) signal, SignalInfo.SI_USER));
            return result == LinuxErrno.EPERM ? 0 : result;
        } else {
            targets = tree.ofGroup(pid == 0 ? (int) tree.group(thread.process().pid()) : -pid);
        }
        return sendToAll(targets, info((int) signal, SignalInfo.SI_USER));
    }

    /** Returns the process with an ID, which may also be that of one of its threads; null if there is none. */
    @Nullable
    GuestProcess process(int id) {
        GuestProcess found = thread.process().system().tree().find(id);
        GuestThread one = found == null ? find(0, id) : null;
        return one == null ? found : one.process();
    }

    /** Returns a thread of a process, or of any process if {@code pid} is 0; null if there is none. */
    private @Nullable GuestThread find(int pid, int tid) {
        GuestThread found = thread.process().system().tree().findThread(tid);
        return found != null && (pid == 0 || found.process().pid() == pid) ? found : null;
    }

    /** {@code tkill}: sends a signal to a thread of any process. */
    long killThread(long tid, long signal) {
        return (int) tid <= 0 ? LinuxErrno.EINVAL : sendToThread(0, (int) tid, info((int) signal, SignalInfo.SI_TKILL));
    }

    /** {@code tgkill}: sends a signal to a thread of a process. */
    long killThread(long pid, long tid, long signal) {
        return (int) pid <= 0 || (int) tid <= 0
                ? LinuxErrno.EINVAL
                : sendToThread((int) pid, (int) tid, info((int) signal, SignalInfo.SI_TKILL));
    }

    private long sendToThread(int pid, int tid, SignalInfo info) {
        GuestThread target = find(pid, tid);
        if (target != null) {
            return sendTo(target, info);
        }
        // A process that has ended can be found by the ID of its first thread until its parent has waited for it.
        GuestProcess ended = thread.process().system().tree().find(tid);
        return ended == null || (pid != 0 && pid != tid)
                ? LinuxErrno.ESRCH
                : check(ended, ended.credentials(), info.signal());
    }

    /**
     * Sends a signal for {@code pidfd_send_signal}.
     *
     * @param id the ID of a process, a thread, or a group
     * @param scope what {@code id} identifies
     * @param infoAddress the address of the {@code siginfo_t} for a handler; if 0, the handler gets the same as from
     *     {@code kill}
     */
    long send(int id, int scope, int signal, long infoAddress) {
        SignalInfo info = info(signal, scope == TO_THREAD ? SignalInfo.SI_TKILL : SignalInfo.SI_USER);
        if (infoAddress != 0) {
            info = queued(signal, infoAddress);
            if (memory.getInt(infoAddress) != signal) {
                return LinuxErrno.EINVAL;
            }
            if (isForged(info) && (id != thread.tid() || scope == TO_GROUP)) {
                return LinuxErrno.EPERM;
            }
        }
        ProcessTree tree = thread.process().system().tree();
        if (scope == TO_GROUP) {
            return sendToAll(tree.ofGroup(id), info);
        }
        if (scope == TO_THREAD) {
            return sendToThread(0, id, info);
        }
        GuestProcess process = process(id);
        return process == null ? LinuxErrno.ESRCH : sendTo(process, info);
    }

    private long sendToAll(List<GuestProcess> targets, SignalInfo info) {
        long result = LinuxErrno.ESRCH;
        boolean isSent = false;
        for (GuestProcess each : targets) {
            result = sendTo(each, info);
            isSent |= result == 0;
        }
        return isSent ? 0 : result;
    }

    private long sendTo(GuestProcess target, SignalInfo info) {
        long error = check(target, target.credentials(), info.signal());
        return error != 0 || info.signal() == 0 ? error : SignalDelivery.send(target, info);
    }

    private long sendTo(GuestThread target, SignalInfo info) {
        long error = check(target.process(), target.credentials(), info.signal());
        return error != 0 || info.signal() == 0 ? error : SignalDelivery.send(target, info);
    }

    /** Returns the error if a signal may not be sent ({@code check_kill_permission}); 0 otherwise. */
    private long check(GuestProcess target, Credentials owner, int signal) {
        if (isWrong(signal)) {
            return LinuxErrno.EINVAL;
        }
        GuestProcess own = thread.process();
        ProcessTree tree = own.system().tree();
        boolean isPermitted = target.pid() == own.pid()
                || thread.credentials().maySignal(owner)
                || (signal == SignalInfo.CONT && tree.session(target.pid()) == tree.session(own.pid()));
        return isPermitted ? 0 : LinuxErrno.EPERM;
    }

    /** Whether a signal claims to be sent by the kernel or by {@code kill}. */
    private static boolean isForged(SignalInfo info) {
        return info.code() >= 0 || info.code() == SignalInfo.SI_TKILL;
    }

    private SignalInfo queued(int signal, long address) {
        ByteBuffer given = memory.getBuffer(address, SignalInfo.BYTES);
        return new SignalInfo(signal, given.getInt(8), 0, given.getInt(16), given.getInt(20), given.getLong(24));
    }

    long queue(long pid, long signal, long address) {
        SignalInfo info = queued((int) signal, address);
        if (isForged(info) && (int) pid != thread.tid()) {
            return LinuxErrno.EPERM;
        }
        GuestProcess target = process((int) pid);
        return target == null ? LinuxErrno.ESRCH : sendTo(target, info);
    }

    long queueThread(long pid, long tid, long signal, long address) {
        SignalInfo info = queued((int) signal, address);
        if ((int) pid <= 0 || (int) tid <= 0) {
            return LinuxErrno.EINVAL;
        }
        if (isForged(info) && (int) tid != thread.tid()) {
            return LinuxErrno.EPERM;
        }
        return sendToThread((int) pid, (int) tid, info);
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
