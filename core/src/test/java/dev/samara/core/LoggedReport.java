// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;

/** A program whose machine must make a report, because a notifier throws. */
final class LoggedReport {
    static final String DONE = "the program has ended";

    private LoggedReport() {}

    /**
     * Provokes a report.
     *
     * @param arguments none, or one for a machine with a reporter
     */
    public static void main(String[] arguments) {
        MachineBuilder builder = Machine.builder().memory(8 * PAGE);
        if (arguments.length != 0) {
            builder.reportTo(report -> {});
        }
        try (Machine machine = builder.build()) {
            AddressSpace space = machine.newSpace(GEOMETRY);
            long at = space.mmap(0, PAGE, RW, ANONYMOUS, null, 0);
            space.addNotifier((start, end, reason) -> {
                throw new IllegalStateException("of the notifier");
            });
            space.munmap(at, PAGE);
            space.close();
        }
        System.out.println(DONE);
    }
}
