// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.abi.WaitOptions;
import dev.samara.emulator.linux.abi.WaitStatus;
import dev.samara.emulator.linux.signal.SignalActions;
import dev.samara.emulator.linux.signal.SignalDelivery;
import dev.samara.emulator.linux.signal.SignalInfo;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The processes with their parents, groups and ends. One lock guards all of this. A thread that holds the lock may
 * acquire the lock of a process's signals, but not the other way round.
 */
public final class ProcessTree {
    /** The PID of the first process. It is not 1, because the first process is not init. */
    static final int FIRST_PID = 1000;

    private static final int INIT = 1;

    /** A process in the tree. */
    private static final class TreeNode {
        private final GuestProcess process;
        private @Nullable GuestProcess parent;
        private int group;
        private int session;
        private boolean hasExecuted;
        private boolean isZombie;

        TreeNode(GuestProcess process) {
            this.process = process;
        }
    }

    /**
     * A child that has ended, stopped or continued.
     *
     * @param process the child
     * @param status the status in the format of {@code wait4}
     */
    public record ChangedChild(GuestProcess process, int status) {}

    private final Map<Integer, TreeNode> nodes = new TreeMap<>();
    private final Breakdown breakdown = new Breakdown();
    private int lastId = FIRST_PID - 1;

    ProcessTree() {}

    /** Returns a new ID for a process or a thread. */
    public synchronized int newId() {
        return ++lastId;
    }

    /** Returns whether a process has ended. This stays true after it was reaped. */
    synchronized boolean isZombie(GuestProcess process) {
        TreeNode node = nodes.get(process.pid());
        return node == null || node.isZombie;
    }

    /**
     * Adds a process.
     *
     * @param process the process
     * @param creator the process that created it; null for the first process
     * @param isSibling whether it gets the parent of its creator ({@code CLONE_PARENT})
     */
    public synchronized void add(GuestProcess process, @Nullable GuestProcess creator, boolean isSibling) {
        TreeNode node = new TreeNode(process);
        TreeNode above = creator == null ? null : nodes.get(creator.pid());
        node.parent = isSibling && above != null ? above.parent : creator;
        node.group = above == null ? process.pid() : above.group;
        node.session = above == null ? process.pid() : above.session;
        nodes.put(process.pid(), node);
    }

    /** Removes a process that was never started. */
    synchronized void remove(GuestProcess process) {
        forget(process);
        notifyAll();
    }

    private void forget(GuestProcess process) {
        nodes.remove(process.pid());
        process.ends().wakeAll();
    }

    public synchronized @Nullable GuestProcess find(int pid) {
        TreeNode node = nodes.get(pid);
        return node == null ? null : node.process;
    }

    /** Returns the thread with an ID, of any process; null if there is none. */
    public @Nullable GuestThread findThread(int tid) {
        for (GuestProcess each : all()) {
            GuestThread found = each.find(tid);
            if (found != null) {
                return found;
            }
        }
        return null;
    }

    /** Returns the running or ended thread with an ID; null if there is none. */
    public @Nullable NumberedTask findTask(int tid) {
        GuestThread running = findThread(tid);
        GuestProcess process = running == null ? find(tid) : running.process();
        return process == null ? null : new NumberedTask(process, running);
    }

    public synchronized List<GuestProcess> all() {
        List<GuestProcess> all = new ArrayList<>();
        nodes.values().forEach(node -> all.add(node.process));
        return all;
    }

    /** Returns the processes that are not zombies. */
    public synchronized List<GuestProcess> living() {
        return nodes.values().stream()
                .filter(node -> !node.isZombie)
                .map(node -> node.process)
                .toList();
    }

    /** Returns the members of a group, including zombies ({@code do_each_pid_task}). */
    public synchronized List<GuestProcess> ofGroup(int group) {
        List<GuestProcess> members = new ArrayList<>();
        for (TreeNode node : nodes.values()) {
            if (node.group == group) {
                members.add(node.process);
            }
        }
        return members;
    }

    public synchronized int parentOf(GuestProcess process) {
        TreeNode node = nodes.get(process.pid());
        return node == null || node.parent == null ? INIT : node.parent.pid();
    }

    /** Returns the group of a process; ESRCH if there is no such process. */
    public synchronized long group(int pid) {
        TreeNode node = nodes.get(pid);
        return node == null ? LinuxErrno.ESRCH : node.group;
    }

    public synchronized long session(int pid) {
        TreeNode node = nodes.get(pid);
        return node == null ? LinuxErrno.ESRCH : node.session;
    }

    /**
     * Moves the calling process, or a child that has not executed another program, to a group of its session or to a
     * new group.
     */
    public synchronized long setGroup(GuestProcess caller, int pid, int group) {
        TreeNode own = nodes.get(caller.pid());
        TreeNode node = nodes.get(pid);
        if (own == null || node == null || (node != own && node.parent != caller)) {
            return LinuxErrno.ESRCH;
        }
        if (node.session != own.session) {
            return LinuxErrno.EPERM;
        }
        if (node != own && node.hasExecuted) {
            return LinuxErrno.EACCES;
        }
        if (node.session == pid || (group != pid && sessionOfGroup(group) != own.session)) {
            return LinuxErrno.EPERM;
        }
        node.group = group;
        return 0;
    }

    /** Returns the session of a group; -1 if there is no such group. */
    private int sessionOfGroup(int group) {
        for (TreeNode node : nodes.values()) {
            if (node.group == group) {
                return node.session;
            }
        }
        return -1;
    }

    public synchronized long newSession(int pid) {
        TreeNode node = nodes.get(pid);
        if (node == null || sessionOfGroup(pid) >= 0) {
            return LinuxErrno.EPERM;
        }
        node.group = pid;
        node.session = pid;
        return pid;
    }

    /** Called when a process executes another program. Its parent may no longer move it to another group. */
    public synchronized void executed(GuestProcess process) {
        TreeNode node = nodes.get(process.pid());
        if (node != null) {
            node.hasExecuted = true;
        }
    }

    /**
     * Whether the group of a process is orphaned: no member has a parent in the same session and another group, which
     * could continue the group.
     */
    synchronized boolean isOrphaned(GuestProcess process) {
        TreeNode node = nodes.get(process.pid());
        return node == null || isOrphaned(node.group);
    }

    private boolean isOrphaned(int group) {
        for (TreeNode node : nodes.values()) {
            if (node.group == group && !node.isZombie && watches(node.parent, node)) {
                return false;
            }
        }
        return true;
    }

    /** Whether a parent could continue the group of its child. */
    private boolean watches(@Nullable GuestProcess parent, TreeNode child) {
        TreeNode above = parent == null ? null : nodes.get(parent.pid());
        return above != null && above.group != child.group && above.session == child.session;
    }

    /** Called when all threads of a process may have stopped. If they have, notifies the parent. */
    synchronized void noticeStop(GuestProcess process) {
        int status = process.stop().complete();
        if (status != 0) {
            tell(process, SignalInfo.CHILD_STOPPED, WaitStatus.number(status));
        }
    }

    /** Returns the first process if all processes are stopped and no debugger could continue one; null otherwise. */
    synchronized @Nullable GuestProcess firstOfStopped() {
        GuestProcess first = null;
        for (TreeNode node : nodes.values()) {
            if (!node.isZombie) {
                if (!node.process.stop().isComplete() || node.process.debugger() != null) {
                    return null;
                }
                first = first == null ? node.process : first;
            }
        }
        // If the first process has ended, the run ends anyway.
        return first != null && first.pid() == FIRST_PID ? first : null;
    }

    /** Notifies the parent that a process was continued. */
    synchronized void noticeContinuation(GuestProcess process, int code) {
        // If the stop was not complete, its signal is not known any more.
        tell(process, code, code == SignalInfo.CHILD_STOPPED ? 0 : SignalInfo.CONT);
    }

    private void tell(GuestProcess process, int code, int number) {
        TreeNode node = nodes.get(process.pid());
        GuestProcess parent = node == null ? null : node.parent;
        if (parent == null) {
            return;
        }
        boolean isAsked;
        synchronized (parent.signals()) {
            isAsked = parent.actions().handler(SignalInfo.CHLD) != SignalActions.IGNORE
                    && (parent.actions().flags(SignalInfo.CHLD) & SignalActions.NO_CHILD_STOP) == 0;
        }
        if (isAsked) {
            SignalDelivery.send(
                    parent, new SignalInfo(SignalInfo.CHLD, code, 0, process.pid(), userOf(process), number));
        }
        parent.childEnds().wakeAll();
    }

    /** Called after a process has ended. Notifies its parent, or forgets the process if it has no parent. */
    void ended(GuestProcess process) {
        GuestProcess told;
        synchronized (this) {
            TreeNode node = nodes.get(process.pid());
            if (node == null) {
                return;
            }
            told = node.parent;
            if (told != null) {
                // The signal is sent before a wait can find the zombie, so a parent that waited for a child has also
                // received the child's signal.
                tellEnd(told, process);
            }
            node.isZombie = true;
            Set<Integer> left = new LinkedHashSet<>();
            if (watches(told, node)) {
                left.add(node.group);
            }
            for (TreeNode each : new ArrayList<>(nodes.values())) {
                if (each.parent == process) {
                    if (watches(process, each)) {
                        left.add(each.group);
                    }
                    each.parent = null;
                    if (each.isZombie) {
                        forget(each.process);
                    }
                }
            }
            if (told == null || (process.endSignal() == SignalInfo.CHLD && forgetsChildren(told))) {
                forget(process);
            }
            left.forEach(this::hangUpIfOrphaned);
            notifyAll();
        }
        process.ends().wakeAll();
        if (told != null) {
            told.childEnds().wakeAll();
        }
    }

    /**
     * Called after the end of a process that could have continued a stopped group. If the group is now orphaned and a
     * member is stopped, sends SIGHUP and SIGCONT to the group.
     */
    private void hangUpIfOrphaned(int group) {
        List<GuestProcess> members = ofGroup(group);
        if (isOrphaned(group)
                && members.stream()
                        .anyMatch(each -> !isZombie(each) && each.stop().isComplete())) {
            for (GuestProcess each : members) {
                SignalDelivery.send(each, SignalInfo.ofKernel(SignalInfo.HUP));
                SignalDelivery.send(each, SignalInfo.ofKernel(SignalInfo.CONT));
            }
        }
    }

    private static boolean forgetsChildren(GuestProcess parent) {
        synchronized (parent.signals()) {
            return parent.actions().handler(SignalInfo.CHLD) == SignalActions.IGNORE
                    || (parent.actions().flags(SignalInfo.CHLD) & SignalActions.NO_CHILD_WAIT) != 0;
        }
    }

    private static int userOf(GuestProcess child) {
        return child.credentials().users().real();
    }

    private static void tellEnd(GuestProcess parent, GuestProcess child) {
        if (child.endSignal() > 0 && child.endSignal() <= SignalInfo.MOST) {
            SignalDelivery.send(
                    parent, SignalInfo.ofChild(child.endSignal(), child.pid(), userOf(child), child.exitStatus()));
        }
    }

    /** Returns whether a process has a child that a waiting call may still find. */
    public synchronized boolean hasChild(GuestProcess parent, int wanted, WaitOptions options) {
        return nodes.values().stream()
                .anyMatch(node -> isWanted(node, parent, wanted, options) && (!node.isZombie || options.ended()));
    }

    /** Finds a changed child for a waiting call, and takes its change; returns null if there is none yet. */
    public synchronized @Nullable ChangedChild takeChanged(GuestProcess parent, int wanted, WaitOptions options) {
        TreeNode ended = null;
        for (TreeNode node : nodes.values()) {
            if (!isWanted(node, parent, wanted, options)) {
                continue;
            }
            if (node.isZombie && options.ended()) {
                ended = node;
                break;
            }
            int status = node.isZombie ? 0 : node.process.stop().take(options);
            if (status != 0) {
                return new ChangedChild(node.process, status);
            }
        }
        if (ended == null) {
            return null;
        }
        if (!options.keeps()) {
            forget(ended.process);
            parent.used().addChild(ended.process.used());
        }
        return new ChangedChild(ended.process, ended.process.exitStatus());
    }

    /**
     * Whether a child is wanted, as in {@code wait4}: {@code wanted} is a process, -1 for any child, or 0 or below -1
     * for a group.
     */
    private boolean isWanted(TreeNode node, GuestProcess parent, int wanted, WaitOptions options) {
        if (node.parent != parent || !options.isFor(node.process.endSignal() == SignalInfo.CHLD)) {
            return false;
        }
        if (wanted > 0) {
            return node.process.pid() == wanted;
        }
        TreeNode own = nodes.get(parent.pid());
        return wanted == -1 || node.group == (wanted == 0 && own != null ? own.group : -wanted);
    }

    /** Makes all present and later waits for ends fail. Allocates nothing. */
    synchronized void breakDown(Throwable failure) {
        breakdown.begin(failure);
        notifyAll();
    }

    /**
     * Waits until a process has ended. If the emulator has failed, throws that failure, because the process may never
     * end.
     */
    public void awaitEnd(GuestProcess process) throws InterruptedException {
        await(() -> isZombie(process));
    }

    /**
     * Waits until no process runs. If the emulator has failed, throws that failure, because a process may run forever.
     */
    void awaitEnds() throws InterruptedException {
        await(() -> nodes.values().stream().allMatch(node -> node.isZombie));
    }

    private synchronized void await(BooleanSupplier isDone) throws InterruptedException {
        breakdown.check();
        while (!isDone.getAsBoolean()) {
            wait();
            breakdown.check();
        }
    }
}
