// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.function.Executable;

/** Calls that must throw, with a message that names the wrong argument or state. */
public final class Refusal {
    private Refusal() {}

    /**
     * Checks that a call throws and that its message has some parts, in this order.
     *
     * @return the exception
     */
    public static <T extends Throwable> T assertRefused(Class<T> type, Executable call, String... parts) {
        T thrown = assertThrows(type, call);
        String message = String.valueOf(thrown.getMessage());
        int reached = 0;
        for (String part : parts) {
            int found = message.indexOf(part, reached);
            assertTrue(found >= 0, () -> "'" + message + "' should say '" + part + "'");
            reached = found + part.length();
        }
        return thrown;
    }
}
