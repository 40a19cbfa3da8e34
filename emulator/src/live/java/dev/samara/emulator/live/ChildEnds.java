// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The children that a call may end. A script waits until they ended, because otherwise whether the next step finds them
 * running would be a race.
 */
final class ChildEnds {
    /**
     * How many milliseconds to wait for a child whose end is certain, or merely possible because a handler may keep it
     * alive.
     */
    static final int CERTAIN = 2_000;

    static final int POSSIBLE = 60;

    private static final int ALARM = 14;
    private static final int KILL = 9;
    private static final int MOST = 64;

    /** SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG and SIGWINCH do not end a process. */
    private static final Set<Integer> HARMLESS = Set.of(17, 18, 19, 20, 21, 22, 23, 28);

    private final TaskRoutes routes;

    /** The signals that a step handled or ignored, in any process. */
    private final Set<Integer> handled = new HashSet<>();

    private boolean isMasked;

    ChildEnds(TaskRoutes routes) {
        this.routes = routes;
    }

    /** Records a step that changes which signals end a process. */
    void note(Step step) {
        if (step instanceof Step.Handle handle) {
            handled.add(handle.signal());
        } else if (step instanceof Step.Call call) {
            if (call.way() == Step.Way.TIMED) {
                handled.add(ALARM);
            }
            if (call.call() == JudgedCall.RT_SIGACTION) {
                handled.add(number(call.arguments().get(0)));
            }
            isMasked |= call.call() == JudgedCall.RT_SIGPROCMASK;
        }
    }

    /**
     * Returns the children of the caller's process that this call's signal may end, each with how many milliseconds to
     * wait for it.
     */
    Map<Integer, Integer> after(Step.Call call) {
        boolean isOfThread = call.call() == JudgedCall.TGKILL || call.call() == JudgedCall.RT_TGSIGQUEUEINFO;
        int signal = number(call.arguments().get(isOfThread ? 2 : 1));
        Map<Integer, Integer> ending = new HashMap<>();
        if (signal <= 0 || signal > MOST || HARMLESS.contains(signal)) {
            return ending;
        }
        boolean isCertain = signal == KILL || !(isMasked || handled.contains(signal));
        List<Integer> children = routes.children(call.task());
        Argument target = call.arguments().get(isOfThread ? 1 : 0);
        if (target instanceof Argument.TaskNumber named && !named.isNegative()) {
            if (children.contains(named.task())) {
                ending.put(named.task(), isCertain ? CERTAIN : POSSIBLE);
            }
        } else {
            // The target is a group, or the process of a descriptor.
            children.forEach(each -> ending.put(each, POSSIBLE));
        }
        return ending;
    }

    private static int number(Argument argument) {
        return argument instanceof Argument.Numeric number ? (int) number.value() : 0;
    }
}
