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
 * The processes with their parents, groups and ends. One lock guards all of it; a thread that has it may take the lock
 * of a process's signals, and not the other way round.
 */
public final class ProcessTree {
    /** The first number of a process; the first one is no init, and does not look like one. */
    static final int FIRST_PID = 1000;

    private static final int INIT = 1;

    /** The place of a process in the tree. */
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
     * @param status as {@code wait4} has it
     */
    public record ChangedChild(GuestProcess process, int status) {}

    private final Map<Integer, TreeNode> nodes = new TreeMap<>();
    private final Breakdown breakdown = new Breakdown();
    private int lastId = FIRST_PID - 1;

    ProcessTree() {}

    /** Returns a new number for a process or a thread. */
    public synchronized int newId() {
        return ++lastId;
    }

    /** Returns the newest number. */
    synchronized int lastId() {
        return lastId;
    }

    /** Returns whether a process has ended, and its parent has not waited for it. */
    synchronized boolean isZombie(GuestProcess process) {
        TreeNode node = nodes.get(process.pid());
        return node == null || node.isZombie;
    }

    /**
     * Adds a process.
     *
     * @param process the process
     * @param creator what has made it; null for the first one
     * @param isSibling whether its parent is that of the creator ({@code CLONE_PARENT})
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

    /** Returns a thread of any process by its number; null for none. */
    public @Nullable GuestThread findThread(int tid) {
        for (GuestProcess each : all()) {
            GuestThread found = each.find(tid);
            if (found != null) {
                return found;
            }
        }
        return null;
    }

    /** Returns the running or ended thread of a number; null for none. */
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

    /** Returns the processes that are no zombies. */
    public synchronized List<GuestProcess> living() {
        return nodes.values().stream()
                .filter(node -> !node.isZombie)
                .map(node -> node.process)
                .toList();
    }

    /** Returns the members of a group; zombies stay in theirs ({@code do_each_pid_task}). */
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

    /** Returns the group of a process; ESRCH if there is none. */
    public synchronized long group(int pid) {
        TreeNode node = nodes.get(pid);
        return node == null ? LinuxErrno.ESRCH : node.group;
    }

    public synchronized long session(int pid) {
        TreeNode node = nodes.get(pid);
        return node == null ? LinuxErrno.ESRCH : node.session;
    }

    /** Puts a process or a child that has not executed another program into a group of its session, or a new one. */
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
    synchronized int sessionOfGroup(int group) {
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

    /** A process executes another program: its parent may no longer move it to another group. */
    public synchronized void executed(GuestProcess process) {
        TreeNode node = nodes.get(process.pid());
        if (node != null) {
            node.hasExecuted = true;
        }
    }

    /** Whether no parent of a process's group could continue it, being of its session and another group. */
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

    /** Whether a parent could continue the group of a child. */
    private boolean watches(@Nullable GuestProcess parent, TreeNode child) {
        TreeNode above = parent == null ? null : nodes.get(parent.pid());
        return above != null && above.group != child.group && above.session == child.session;
    }

    /** All threads of a process may have stopped: its parent is told if they have. */
    synchronized void noticeStop(GuestProcess process) {
        int status = process.stop().complete();
        if (status != 0) {
            tell(process, SignalInfo.CHILD_STOPPED, WaitStatus.number(status));
        }
    }

    /** Returns the first process if all have stopped, and no debugger could continue one; null otherwise. */
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
        // If it has ended, the run ends.
        return first != null && first.pid() == FIRST_PID ? first : null;
    }

    /** A process was continued: its parent is told. */
    synchronized void noticeContinuation(GuestProcess process, int code) {
        // A stop that was not complete has no signal any more.
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

    /** A process has ended: its parent is told, or nobody is and it is forgotten. */
    void ended(GuestProcess process) {
        GuestProcess told;
        synchronized (this) {
            TreeNode node = nodes.get(process.pid());
            if (node == null) {
                return;
            }
            told = node.parent;
            if (told != null) {
                // Before a wait can find the zombie: a parent that has waited for a child has its signal, too.
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

    /** The last process is gone that could continue a group: if it is stopped, it has SIGHUP and goes on. */
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

    /** Returns whether a process has a child that may still become one for which a call waits. */
    public synchronized boolean hasChild(GuestProcess parent, int wanted, WaitOptions options) {
        return nodes.values().stream()
                .anyMatch(node -> isWanted(node, parent, wanted, options) && (!node.isZombie || options.ended()));
    }

    /** Takes a child for which a call waits; null if there is none yet. */
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

    /** As {@code wait4} has it: a process, 0 and below -1 a group, -1 any child. */
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

    /** Makes all waits for ends fail, now and later. Needs no memory. */
    synchronized void breakDown(Throwable failure) {
        breakdown.begin(failure);
        notifyAll();
    }

    /** Waits until a process has ended. If it may never end, throws the failure of the emulator. */
    public void awaitEnd(GuestProcess process) throws InterruptedException {
        await(() -> isZombie(process));
    }

    /** Waits until no process runs. If one may run forever, throws the failure of the emulator. */
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
