// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.Locale;

/** The JVM's limit for direct memory, from which frames are allocated. */
public final class DirectMemory {
    private static final String OPTION = "-XX:MaxDirectMemorySize=";

    private DirectMemory() {}

    /**
     * Returns the limit in bytes: the last {@code -XX:MaxDirectMemorySize} among the JVM's options. Without that
     * option, or without the module {@code java.management}, returns the maximum size of the heap, which is the JVM's
     * default.
     */
    public static long limit() {
        return limit(options(), Runtime.getRuntime().maxMemory());
    }

    private static List<String> options() {
        try {
            return ManagementFactory.getRuntimeMXBean().getInputArguments();
        } catch (LinkageError | SecurityException absent) {
            return List.of();
        }
    }

    /** Returns the limit in bytes that follows from options and from the maximum size of the heap. */
    static long limit(List<String> options, long maxHeap) {
        long limit = 0;
        for (String option : options) {
            if (option.startsWith(OPTION)) {
                limit = bytes(option.substring(OPTION.length()));
            }
        }
        return limit == 0 ? maxHeap : limit;
    }

    /** Parses a size that the JVM accepted, in the same way as the JVM. */
    private static long bytes(String size) {
        String number = size.toLowerCase(Locale.ROOT);
        int shift = 10 * ("kmgt".indexOf(number.charAt(number.length() - 1)) + 1);
        String digits = shift == 0 ? number : number.substring(0, number.length() - 1);
        return Long.decode(digits.startsWith("0x") ? digits : digits.replaceFirst("^0+(?=.)", "")) << shift;
    }
}
