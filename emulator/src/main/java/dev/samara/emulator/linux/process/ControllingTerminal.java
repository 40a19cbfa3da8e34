// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.signal.SignalDelivery;
import dev.samara.emulator.linux.signal.SignalInfo;

/**
 * The terminal of the emulator, which is the controlling terminal of the first process's session. One group of the
 * session is the foreground group, which may read. The monitor of this object guards the number of that group.
 */
public final class ControllingTerminal {
    private static final int SESSION = ProcessTree.FIRST_PID;

    private int foreground = ProcessTree.FIRST_PID;

    ControllingTerminal() {}

    private static ProcessTree tree(GuestThread thread) {
        return thread.process().system().tree();
    }

    private static boolean controls(GuestThread thread) {
        return tree(thread).session(thread.process().pid()) == SESSION;
    }

    private synchronized int foreground() {
        return foreground;
    }

    private synchronized void foreground(int group) {
        foreground = group;
    }

    /** {@code TIOCGPGRP}: returns the foreground group. */
    public long group(GuestThread thread) {
        return controls(thread) ? foreground() : LinuxErrno.ENOTTY;
    }

    /** {@code TIOCGSID}: returns the session. */
    public long session(GuestThread thread) {
        return controls(thread) ? SESSION : LinuxErrno.ENOTTY;
    }

    /** {@code TIOCSPGRP}: makes a group of the session the foreground group. */
    public long setGroup(GuestThread thread, long address) {
        long result = check(thread, SignalInfo.TTOU);
        if (result != 0) {
            return result == LinuxErrno.EIO ? LinuxErrno.ENOTTY : result;
        }
        int group = thread.memory().getInt(address);
        if (group < 0) {
            return LinuxErrno.EINVAL;
        }
        if (!controls(thread)) {
            return LinuxErrno.ENOTTY;
        }
        int session = tree(thread).sessionOfGroup(group);
        if (session != SESSION) {
            return session < 0 ? LinuxErrno.ESRCH : LinuxErrno.EPERM;
        }
        foreground(group);
        return 0;
    }

    /**
     * Called before a thread reads from the terminal or changes it. Stops the thread's group if it is in the background
     * ({@code __tty_check_change}).
     *
     * @return 0 if the call may continue; EIO if no process could continue the group after a stop; RESTART if the
     *     signal was sent to the group
     */
    long check(GuestThread thread, int signal) {
        GuestProcess process = thread.process();
        int group = (int) tree(thread).group(process.pid());
        if (!controls(thread) || group == foreground()) {
            return 0;
        }
        boolean isIgnored;
        synchronized (process.signals()) {
            isIgnored = process.actions().isIgnored(signal) || (thread.mask().get() & SignalInfo.bit(signal)) != 0;
        }
        if (isIgnored) {
            return signal == SignalInfo.TTIN ? LinuxErrno.EIO : 0;
        }
        if (tree(thread).isOrphaned(process)) {
            return LinuxErrno.EIO;
        }
        for (GuestProcess each : tree(thread).ofGroup(group)) {
            SignalDelivery.send(each, SignalInfo.ofKernel(signal));
        }
        return LinuxErrno.RESTART;
    }
}
