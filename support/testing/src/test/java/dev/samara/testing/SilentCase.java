// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import org.junit.jupiter.api.Test;

/** Run by {@link TestOutputTest}. */
final class SilentCase {
    @Test
    void passes() {}
}
