// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.process;

import dev.samara.examples.riscv.linux.abi.LinuxErrno;
import dev.samara.examples.riscv.linux.abi.WaitStatus;
import dev.samara.examples.riscv.linux.signal.SignalActions;
import dev.samara.examples.riscv.linux.signal.SignalDelivery;
import dev.samara.examples.riscv.linux.signal.SignalInfo;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
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
        private boolean isZombie;

        TreeNode(GuestProcess process) {
            this.process = process;
        }
    }

    /**
     * A child that has ended.
     *
     * @param process the child
     * @param status as {@code wait4} has it
     */
    public record EndedChild(GuestProcess process, int status) {}

    private final Map<Integer, TreeNode> nodes = new TreeMap<>();
    private int lastId = FIRST_PID - 1;

    ProcessTree() {}

    /** Returns a new number for a process or a thread. */
    public synchronized int newId() {
        return ++lastId;
    }

    public synchronized void add(GuestProcess process, @Nullable GuestProcess parent) {
        TreeNode node = new TreeNode(process);
        TreeNode above = parent == null ? null : nodes.get(parent.pid());
        node.parent = parent;
        node.group = above == null ? process.pid() : above.group;
        node.session = above == null ? process.pid() : above.session;
        nodes.put(process.pid(), node);
    }

    /** Removes a process that was never started. */
    synchronized void remove(GuestProcess process) {
        nodes.remove(process.pid());
        notifyAll();
    }

    public synchronized @Nullable GuestProcess find(int pid) {
        TreeNode node = nodes.get(pid);
        return node == null ? null : node.process;
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

    public synchronized List<GuestProcess> ofGroup(int group) {
        List<GuestProcess> members = new ArrayList<>();
        for (TreeNode node : nodes.values()) {
            if (node.group == group && !node.isZombie) {
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

    public synchronized long setGroup(int pid, int group) {
        TreeNode node = nodes.get(pid);
        if (node == null) {
            return LinuxErrno.ESRCH;
        }
        node.group = group == 0 ? pid : group;
        return 0;
    }

    public synchronized long newSession(int pid) {
        TreeNode node = nodes.get(pid);
        if (node == null || node.group == pid) {
            return LinuxErrno.EPERM;
        }
        node.group = pid;
        node.session = pid;
        return pid;
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
                tell(told, process);
            }
            node.isZombie = true;
            for (TreeNode each : new ArrayList<>(nodes.values())) {
                if (each.parent == process) {
                    each.parent = null;
                    if (each.isZombie) {
                        nodes.remove(each.process.pid());
                    }
                }
            }
            if (told == null || forgetsChildren(told)) {
                nodes.remove(process.pid());
            }
            notifyAll();
        }
        if (told != null) {
            told.childEnds().wakeAll();
        }
    }

    private static boolean forgetsChildren(GuestProcess parent) {
        synchronized (parent.signals()) {
            return parent.actions().handler(SignalInfo.CHLD) == SignalActions.IGNORE
                    || (parent.actions().flags(SignalInfo.CHLD) & SignalActions.NO_CHILD_WAIT) != 0;
        }
    }

    private static void tell(GuestProcess parent, GuestProcess child) {
        int status = child.exitStatus();
        int code = WaitStatus.isKilled(status) ? SignalInfo.CHILD_KILLED : SignalInfo.CHILD_EXITED;
        if (child.endSignal() != 0) {
            SignalDelivery.send(
                    parent, new SignalInfo(child.endSignal(), code, 0, child.pid(), WaitStatus.number(status)));
        }
    }

    /** Returns whether a process has a child that a call waits for. */
    public synchronized boolean hasChild(GuestProcess parent, int wanted) {
        return nodes.values().stream().anyMatch(node -> isWanted(node, parent, wanted));
    }

    /** Takes a child that has ended; null if there is none yet. */
    public synchronized @Nullable EndedChild takeEnded(GuestProcess parent, int wanted, boolean keeps) {
        TreeNode found = null;
        for (TreeNode node : nodes.values()) {
            if (node.isZombie && isWanted(node, parent, wanted)) {
                found = node;
                break;
            }
        }
        if (found == null) {
            return null;
        }
        if (!keeps) {
            nodes.remove(found.process.pid());
        }
        return new EndedChild(found.process, found.process.exitStatus());
    }

    /** As {@code wait4} has it: a process, 0 and below -1 a group, -1 any child. */
    private boolean isWanted(TreeNode node, GuestProcess parent, int wanted) {
        if (node.parent != parent) {
            return false;
        }
        if (wanted > 0) {
            return node.process.pid() == wanted;
        }
        TreeNode own = nodes.get(parent.pid());
        return wanted == -1 || node.group == (wanted == 0 && own != null ? own.group : -wanted);
    }

    /** Waits until a process has ended. */
    public synchronized void awaitEnd(GuestProcess process) throws InterruptedException {
        TreeNode node = nodes.get(process.pid());
        while (node != null && !node.isZombie && nodes.containsValue(node)) {
            wait();
        }
    }

    /** Waits until no process runs. */
    synchronized void awaitEnds() throws InterruptedException {
        while (nodes.values().stream().anyMatch(node -> !node.isZombie)) {
            wait();
        }
    }
}
