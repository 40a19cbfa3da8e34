// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

/** Prints a line on the console, even in a quiet build. */
public final class Say {
    private Say() {}

    /**
     * Prints its arguments.
     *
     * @param words the words of the line
     */
    public static void main(String[] words) {
        System.out.println(String.join(" ", words));
    }
}
