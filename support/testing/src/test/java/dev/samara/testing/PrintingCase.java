// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import static org.junit.jupiter.api.Assertions.fail;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A case that {@link TestOutputTest} runs. Its name is not a test's, so that a build does not run it. */
final class PrintingCase {
    @BeforeAll
    static void before() {
        System.out.println("printed before all");
    }

    @Test
    void passes() {
        System.out.println("printed by passes");
    }

    @Test
    void fails() {
        System.err.println("printed by fails");
        fail("the reason");
    }
}
