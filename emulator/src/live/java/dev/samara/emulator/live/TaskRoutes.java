// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import java.util.ArrayList;
import java.util.List;

/**
 * Determines, before any answer arrives, how the tasks of a script are reached and how requests name them. A judge
 * numbers its children and threads in the order of their creation. In a script that deviates from this because a task
 * ended, both judges use the same wrong task.
 */
final class TaskRoutes {
    private static final String NOBODY = "3fffffff";

    /** A task, with its process and the number by which its parent refers to it. */
    private record Entry(String route, int process, int index, boolean isThread) {}

    private final List<Entry> tasks = new ArrayList<>();
    private final List<Integer> childrenOfProcess = new ArrayList<>();

    TaskRoutes() {
        tasks.add(new Entry("", 0, -1, false));
        childrenOfProcess.add(0);
    }

    int count() {
        return tasks.size();
    }

    String route(int task) {
        return tasks.get(task).route;
    }

    /** Adds a task created by another one. */
    void add(int by, boolean isThread) {
        Entry parent = tasks.get(by);
        int index = childrenOfProcess.get(parent.process);
        childrenOfProcess.set(parent.process, index + 1);
        int process = parent.process;
        if (!isThread) {
            process = childrenOfProcess.size();
            childrenOfProcess.add(0);
        }
        tasks.add(new Entry(parent.route + "@" + Integer.toHexString(index) + " ", process, index, isThread));
    }

    /** Returns the route of a task with the given verb before its last element. */
    String nearest(int task, char verb) {
        String route = route(task);
        int last = route.lastIndexOf('@');
        return route.substring(0, last) + verb + route.substring(last + 1).trim();
    }

    /** Returns how a task's request names a process or a thread; an unused number if it cannot name it. */
    String number(int asking, Argument.TaskNumber named) {
        String sign = named.isNegative() ? "-" : "";
        if (named.task() >= tasks.size()) {
            return sign + NOBODY;
        }
        Entry wanted = tasks.get(named.task());
        int from = tasks.get(asking).process;
        boolean isOwn = wanted.process == from && !(named.isThread() && wanted.isThread);
        if (isOwn) {
            return sign + "$";
        }
        boolean isOfProcess = wanted.process == from || isChildOf(wanted, from);
        return sign + (isOfProcess ? "%" + Integer.toHexString(wanted.index) : NOBODY);
    }

    private boolean isChildOf(Entry task, int process) {
        // Each process starts with the task that its fork created, whose route starts with its parent's route.
        int last = task.route.lastIndexOf('@');
        return last >= 0
                && !task.isThread
                && tasks.stream()
                        .anyMatch(each -> each.process == process && each.route.equals(task.route.substring(0, last)));
    }
}
