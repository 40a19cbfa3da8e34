// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.lang.management.ThreadMXBean;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;

/** The waits and the stacks of all threads of the process. */
final class WaitGraph {
    private WaitGraph() {}

    /**
     * Returns one line for each waiting thread: the object on which it waits, and the owner of the lock for which it
     * waits, if any.
     */
    static String edges() {
        ThreadMXBean threads = ManagementFactory.getThreadMXBean();
        StringBuilder text = new StringBuilder();
        for (Thread thread : Thread.getAllStackTraces().keySet()) {
            Object blocker = LockSupport.getBlocker(thread);
            ThreadInfo info = threads.getThreadInfo(thread.getId());
            if (info == null || (blocker == null && info.getLockInfo() == null)) {
                continue;
            }
            text.append(thread.getName()).append(" waits at ").append(blocker == null ? info.getLockInfo() : blocker);
            if (info.getLockOwnerName() != null) {
                text.append(", which is held by ").append(info.getLockOwnerName());
            }
            text.append('\n');
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
