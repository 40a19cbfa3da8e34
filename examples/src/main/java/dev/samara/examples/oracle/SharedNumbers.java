// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.oracle;

import dev.samara.core.vma.Backing;
import java.util.IdentityHashMap;
import org.jspecify.annotations.Nullable;

/** The objects behind anonymous shared mappings, as a recording numbers them: in the order in which they were made. */
final class SharedNumbers {
    private final IdentityHashMap<Backing, Integer> numbers = new IdentityHashMap<>();
    private int count;

    /** The kernel has made one; what we made of it, if anything, has the next number. */
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
