// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import java.util.Map;
import java.util.concurrent.locks.LockSupport;

/** Describes the waits and the stacks of all threads of the process. */
final class WaitGraph {
    private WaitGraph() {}

    /** Returns one line for each thread that is parked at a blocker; a gate names the operation to which it belongs. */
    static String edges() {
        StringBuilder text = new StringBuilder();
        for (Thread thread : Thread.getAllStackTraces().keySet()) {
            Object blocker = LockSupport.getBlocker(thread);
            if (blocker != null) {
                text.append(thread.getName())
                        .append(" waits at ")
                        .append(blocker)
                        .append('\n');
            }
        }
        return text.toString();
    }

    /** Returns the stacks of all threads. */
    static String stacks() {
        StringBuilder text = new StringBuilder();
        for (Map.Entry<Thread, StackTraceElement[]> entry :
                Thread.getAllStackTraces().entrySet()) {
            Thread thread = entry.getKey();
            text.append(thread.getName()).append(", ").append(thread.getState()).append('\n');
            for (StackTraceElement frame : entry.getValue()) {
                text.append("    at ").append(frame).append('\n');
            }
        }
        return text.toString();
    }
}
