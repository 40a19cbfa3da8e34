// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.layout.Retirement;

/** Machines whose retire phase is a test's, for tests of other packages. */
public final class Retiring {
    private Retiring() {}

    /** Builds a machine on which something is done in the retire phase. */
    public static Machine machine(Machine.Builder description, Retirement retirement) {
        return description.retirement(retirement).build();
    }
}
