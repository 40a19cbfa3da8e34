// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import java.lang.management.ManagementFactory;
import java.util.Map;
import java.util.TreeMap;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.ObjectName;

/** Counts the live objects of the library, by class, after a garbage collection. */
final class Census {
    private static final String LIBRARY = "dev.samara.";
    private static final String TOOL = "dev.samara.tool.";

    /** The package of the histories of a checked machine, which are long on purpose. */
    private static final String HISTORIES = "dev.samara.core.internal.check.";

    private final MBeanServer server = ManagementFactory.getPlatformMBeanServer();
    private final ObjectName commands;

    Census() {
        try {
            commands = new ObjectName("com.sun.management:type=DiagnosticCommand");
        } catch (JMException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Returns whether this JVM can count objects. */
    boolean isPossible() {
        return server.isRegistered(commands);
    }

    /** Collects garbage, and returns the number of remaining objects of each class of the library. */
    Map<String, Long> take() {
        String histogram;
        try {
            histogram = (String) server.invoke(
                    commands, "gcClassHistogram", new Object[] {new String[0]}, new String[] {String[].class.getName()
                    });
        } catch (JMException e) {
            throw new IllegalStateException("this JVM does not count objects", e);
        }
        Map<String, Long> counts = new TreeMap<>();
        histogram.lines().forEach(line -> {
            // "  12:   345   6789  class (module)"
            String[] fields = line.strip().split("\\s+", 5);
            if (fields.length >= 4 && isCounted(fields[3])) {
                counts.merge(fields[3], Long.parseLong(fields[1]), Long::sum);
            }
        });
        return counts;
    }

    private static boolean isCounted(String name) {
        return name.startsWith(LIBRARY) && !name.startsWith(TOOL) && !name.startsWith(HISTORIES);
    }
}
