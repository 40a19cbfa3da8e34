// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.abi.WaitStatus.WaitOptions;
import dev.samara.emulator.linux.signal.PendingSignals.SignalInfo;
import dev.samara.emulator.linux.signal.SignalActions;
import dev.samara.emulator.linux.signal.SignalDelivery;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
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
        private boolean isZombie;

        TreeNode(GuestProcess process) {
            this.process = process;
        }
    }

    private final Map<Integer, TreeNode> nodes = new TreeMap<>();
    private int lastId = FIRST_PID - 1;

    /** A failure of the emulator after which a process may never end; null if there is none. */
    private @Nullable Throwable breakdown;

    ProcessTree() {}

    /** Returns a new ID for a process or a thread. */
    public synchronized int newId() {
        return ++lastId;
    }

    /** Returns whether a process has ended. This stays true after it was reaped. */
    synchronized boolean isZombie(GuestProcess process) {
        TreeNode node = nodes.get(process.pid);
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
        TreeNode above = creator == null ? null : nodes.get(creator.pid);
        node.parent = isSibling && above != null ? above.parent : creator;
        node.group = above == null ? process.pid : above.group;
        nodes.put(process.pid, node);
    }

    /** Removes a process that was never started. */
    synchronized void remove(GuestProcess process) {
        forget(process);
        notifyAll();
    }

    private void forget(GuestProcess process) {
        nodes.remove(process.pid);
        process.ends.wakeAll();
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

    public synchronized int parentOf(GuestProcess process) {
        TreeNode node = nodes.get(process.pid);
        return node == null || node.parent == null ? INIT : node.parent.pid;
    }

    /** Returns the group of a process; -1 if there is no such process. */
    public synchronized int group(int pid) {
        TreeNode node = nodes.get(pid);
        return node == null ? -1 : node.group;
    }

    /** Puts the caller or its child into a group ({@code setpgid}). All groups are in one session. */
    public synchronized long setGroup(GuestProcess caller, int pid, int group) {
        TreeNode node = nodes.get(pid);
        if (node == null || (node.process != caller && node.parent != caller)) {
            return LinuxErrno.ESRCH;
        }
        node.group = group;
        return 0;
    }

    /** Called after a process has ended. Notifies its parent, or forgets the process if it has no parent. */
    void ended(GuestProcess process) {
        GuestProcess told;
        synchronized (this) {
            TreeNode node = nodes.get(process.pid);
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
            for (TreeNode each : new ArrayList<>(nodes.values())) {
                if (each.parent == process) {
                    each.parent = null;
                    if (each.isZombie) {
                        forget(each.process);
                    }
                }
            }
            if (told == null || (process.endSignal() == SignalInfo.CHLD && forgetsChildren(told))) {
                forget(process);
            }
            notifyAll();
        }
        process.ends.wakeAll();
        if (told != null) {
            told.childEnds.wakeAll();
        }
    }

    private static boolean forgetsChildren(GuestProcess parent) {
        synchronized (parent.signals()) {
            return parent.actions().handler(SignalInfo.CHLD) == SignalActions.IGNORE
                    || (parent.actions().flags(SignalInfo.CHLD) & SignalActions.NO_CHILD_WAIT) != 0;
        }
    }

    private static void tellEnd(GuestProcess parent, GuestProcess child) {
        if (child.endSignal() > 0 && child.endSignal() <= SignalInfo.MOST) {
            SignalDelivery.send(
                    parent, SignalInfo.ofChild(child.endSignal(), child.pid, child.system.user, child.exitStatus()));
        }
    }

    /** Returns whether a process has a child that a waiting call may still find. */
    public synchronized boolean hasChild(GuestProcess parent, int wanted, WaitOptions options) {
        return nodes.values().stream()
                .anyMatch(node -> isWanted(node, parent, wanted, options) && (!node.isZombie || options.ended()));
    }

    /** Finds a child that has ended for a waiting call, and reaps it; returns null if there is none yet. */
    public synchronized @Nullable GuestProcess takeEnded(GuestProcess parent, int wanted, WaitOptions options) {
        for (TreeNode node : nodes.values()) {
            if (node.isZombie && options.ended() && isWanted(node, parent, wanted, options)) {
                if (!options.keeps()) {
                    forget(node.process);
                    parent.used.addChild(node.process.used);
                }
                return node.process;
            }
        }
        return null;
    }

    /**
     * Whether a child is wanted, as in {@code wait4}: {@code wanted} is a process, -1 for any child, or 0 or below -1
     * for a group.
     */
    private boolean isWanted(TreeNode node, GuestProcess parent, int wanted, WaitOptions options) {
        if (node.parent != parent || !options.isFor(node.process.endSignal() == SignalInfo.CHLD)) {
            return false;
        }
        if (wanted == -1 || wanted > 0) {
            return wanted == -1 || node.process.pid == wanted;
        }
        return node.group == (wanted == 0 ? group(parent.pid) : -wanted);
    }

    /** Makes all present and later waits for ends fail. Allocates nothing. */
    synchronized void breakDown(Throwable failure) {
        if (breakdown == null) {
            breakdown = failure;
        }
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
        checkBreakdown();
        while (!isDone.getAsBoolean()) {
            wait();
            checkBreakdown();
        }
    }

    private void checkBreakdown() {
        if (breakdown instanceof Error error) {
            throw error;
        }
        if (breakdown instanceof RuntimeException exception) {
            throw exception;
        }
    }
}
