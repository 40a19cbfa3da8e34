// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.oracle;

import dev.samara.core.vma.Backing;
import java.util.IdentityHashMap;
import org.jspecify.annotations.Nullable;

/** The objects of anonymous shared mappings, numbered in the order of their creation as in a recording. */
final class SharedNumbers {
    private final IdentityHashMap<Backing, Integer> numbers = new IdentityHashMap<>();
    private int count;

    /**
     * Assigns the next number, because the kernel created an object. The library's object gets the number, if there is
     * one.
     */
    void next(@Nullable Backing made) {
        count++;
        if (made != null) {
            numbers.put(made, count);
        }
    }

    String nameOf(Backing backing) {
        Integer number = numbers.get(backing);
        return number == null ? "?" : "s" + number;
    }
}
