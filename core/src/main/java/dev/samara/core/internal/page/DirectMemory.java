// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.Locale;

/** The JVM's limit of direct memory, in which frames are. */
public final class DirectMemory {
    private static final String OPTION = "-XX:MaxDirectMemorySize=";

    private DirectMemory() {}

    /**
     * The limit, as far as it can be told: the last {@code -XX:MaxDirectMemorySize} among the options of the JVM; where
     * there is none, or the module {@code java.management} is not there, the maximum of the heap, which is the JVM's
     * default.
     *
     * @return bytes
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

    /** Returns what some options and a maximum of the heap make the limit. */
    static long limit(List<String> options, long maxHeap) {
        long limit = 0;
        for (String option : options) {
            if (option.startsWith(OPTION)) {
                limit = bytes(option.substring(OPTION.length()));
            }
        }
        return limit == 0 ? maxHeap : limit;
    }

    /** Reads a size as the JVM does, which has accepted it. */
    private static long bytes(String size) {
        String number = size.toLowerCase(Locale.ROOT);
        int shift = 10 * ("kmgt".indexOf(number.charAt(number.length() - 1)) + 1);
        String digits = shift == 0 ? number : number.substring(0, number.length() - 1);
        return Long.decode(digits.startsWith("0x") ? digits : digits.replaceFirst("^0+(?=.)", "")) << shift;
    }
}
