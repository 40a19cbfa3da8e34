// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.oracle;

import dev.samara.core.vma.Backing;
import java.util.IdentityHashMap;
import org.jspecify.annotations.Nullable;

/** The objects of anonymous shared mappings, numbered as in a recording: in the order of their creation. */
final class SharedNumbers {
    private final IdentityHashMap<Backing, Integer> numbers = new IdentityHashMap<>();
    private int count;

    /** Gives the next number to our object, if there is one: the kernel has made an object. */
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
