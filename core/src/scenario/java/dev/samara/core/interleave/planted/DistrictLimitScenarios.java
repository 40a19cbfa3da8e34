// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.core.Cpu;
import dev.samara.core.MachineInternals;
import dev.samara.core.interleave.scenario.SpaceScenario;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.internal.space.Divisions;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Resource;

/**
 * Two operations near a limit, each in its own part. The limit is set before the division, which gives each part a
 * share. The whole layout may use one page more than the sum of the shares.
 */
final class DistrictLimitScenarios {
    private DistrictLimitScenarios() {}

    /** More pages than a division requires each part to be able to grow by. */
    private static final long MANY = 257;

    /** A divided layout with a limit. Calls that run one after the other obey it. */
    abstract static class Limited extends DistrictScenarios.OfFour {
        private final Resource resource;
        private final long pages;
        private final int most;

        /** How many calls succeeded. */
        private int allowed;

        Limited(Resource resource, long pages, int most) {
            this.resource = resource;
            this.pages = pages;
            this.most = most;
        }

        @Override
        protected final void prepare(State state, Cpu cpu) {
            mapPage(state, cpu, at(0));
            mapPage(state, cpu, at(3));
            mapPage(state, cpu, at(3) + PAGE);
            state.space.setLimit(resource, pages * PAGE);
            divide(state);
            if (!Divisions.isDivided(MachineInternals.layoutOf(state.space))) {
                throw new AssertionError("not divided");
            }
        }

        final SpaceScenario.Operation lock(long at, long pages) {
            return (state, cpu) -> result(state.space.mlock(at, pages * PAGE));
        }

        final SpaceScenario.Operation map(long at) {
            return (state, cpu) -> result(state.space.mmap(at, MANY * PAGE, RW, FIXED, null, 0));
        }

        private String result(long result) {
            allowed += Errno.isError(result) ? 0 : 1;
            return "" + result;
        }

        /** Some mutants lead to wrong results in each order, so the orders cannot judge them. */
        @Override
        protected final boolean hasOrders() {
            return false;
        }

        @Override
        protected final void judge(State state, Cpu cpu) {
            if (allowed != most) {
                throw new AssertionError(allowed + " calls were allowed, and not " + most);
            }
            state.space.validate();
        }
    }

    /** Two locks of one page each, where only one page may be locked, so one of the locks fails. */
    static final class OneLock extends Limited {
        OneLock() {
            super(Resource.MEMLOCK, 1, 1);
            calls().put("lower", lock(at(0), 1));
            calls().put("upper", lock(at(3), 1));
        }
    }

    /** Locks of one page and of two pages, where three pages may be locked, so both succeed. */
    static final class BothLocks extends Limited {
        BothLocks() {
            super(Resource.MEMLOCK, 3, 2);
            calls().put("lower", lock(at(0), 1));
            calls().put("upper", lock(at(3), 2));
        }
    }

    /** Two mappings, where the limit of total memory permits only one. */
    static final class OneMapping extends Limited {
        OneMapping() {
            super(Resource.AS, 3 + 2 * MANY - 1, 1);
            calls().put("lower", map(AT - 2 * MANY * PAGE));
            calls().put("upper", map(AT + 2 * MANY * PAGE));
        }
    }

    /** Two mappings, where the limit of data permits only one. */
    static final class OneMappingOfData extends Limited {
        OneMappingOfData() {
            super(Resource.DATA, 3 + 2 * MANY - 1, 1);
            calls().put("lower", map(AT - 2 * MANY * PAGE));
            calls().put("upper", map(AT + 2 * MANY * PAGE));
        }
    }
}
