// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

/** Prints a line on the console, from a build that may be quiet otherwise. */
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
