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
 * Two operations near a limit, each in its own part. The limit is set before the division, which gives each part its
 * share. The limit permits the whole layout one page more than the sum of the shares.
 */
final class DistrictLimitScenarios {
    private DistrictLimitScenarios() {}

    /** More pages than a part must be able to take, or the layout is not divided. */
    private static final long MANY = 257;

    /** A divided layout with a limit, which is met though the calls run one after the other. */
    abstract static class Limited extends DistrictScenarios.OfFour {
        private final Resource resource;
        private final long pages;
        private final int most;

        /** The calls that were not refused. */
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

        /** Some breaks are wrong in each order, so the orders cannot judge them. */
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

    /** Two locks of a page where one may be locked: one of them is refused. */
    static final class OneLock extends Limited {
        OneLock() {
            super(Resource.MEMLOCK, 1, 1);
            calls().put("lower", lock(at(0), 1));
            calls().put("upper", lock(at(3), 1));
        }
    }

    /** Locks of one page and of two, where three may be locked: none is refused. */
    static final class BothLocks extends Limited {
        BothLocks() {
            super(Resource.MEMLOCK, 3, 2);
            calls().put("lower", lock(at(0), 1));
            calls().put("upper", lock(at(3), 2));
        }
    }

    /** Two mappings of which the limit of total memory has room for one. */
    static final class OneMapping extends Limited {
        OneMapping() {
            super(Resource.AS, 3 + 2 * MANY - 1, 1);
            calls().put("lower", map(AT - 2 * MANY * PAGE));
            calls().put("upper", map(AT + 2 * MANY * PAGE));
        }
    }

    /** Two mappings of which the limit of data has room for one. */
    static final class OneMappingOfData extends Limited {
        OneMappingOfData() {
            super(Resource.DATA, 3 + 2 * MANY - 1, 1);
            calls().put("lower", map(AT - 2 * MANY * PAGE));
            calls().put("upper", map(AT + 2 * MANY * PAGE));
        }
    }
}
