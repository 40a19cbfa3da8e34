// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import java.util.List;

/**
 * The result of an operation, and the layout of each process afterwards.
 *
 * @param result a number, an address, an errno or a fault
 * @param states the number and the layout of each living process
 */
record Outcome(String result, List<String> states) {
    /** Returns the name of the errno or fault; {@code ok} for a success. */
    String error() {
        int space = result.indexOf(' ');
        String first = space < 0 ? result : result.substring(0, space);
        boolean isError = first.startsWith("E") || first.startsWith("SEGV") || first.startsWith("BUS");
        return isError ? first : "ok";
    }
}
