// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import org.jspecify.annotations.Nullable;

/**
 * A record that the library logged, or an exception that ended a thread.
 *
 * @param during the test that was running
 * @param text the message of the record, or the name of the thread with the exception
 * @param cause the exception, or null
 */
public record Incident(String during, String text, @Nullable Throwable cause) {
    @Override
    public String toString() {
        return during + ": " + text;
    }
}
