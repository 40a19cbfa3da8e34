// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import org.jspecify.annotations.Nullable;

/**
 * A log record of the library, or an exception that ended a thread.
 *
 * @param during the test that was running
 * @param text the message of the record, or the name of the thread and the exception
 * @param cause the exception, or null
 */
public record Incident(String during, String text, @Nullable Throwable cause) {
    @Override
    public String toString() {
        return during + ": " + text;
    }
}
