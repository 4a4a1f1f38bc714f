"""People of the model: they click, and an administrator sets rules, suspends and approves."""

import contextlib
from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from ondol import clock
from ondol.accounts.people import AccountError, approve, suspend
from ondol.autostop import awake
from ondol.autostop.policies import set_policy
from ondol.instances import actions, resizing
from ondol.instances.errors import ActionError
from ondol.instances.key_file import take_key
from ondol.policy.catalog import stored_fields
from tests.instances.model_surroundings import CALLS, IN_OUR_THREAD, Surroundings, mishaps, who

CLICKS = {"create": actions.create, "start": actions.start, "stop": actions.stop, "take_key": take_key}
UNSET = dict.fromkeys(stored_fields()) | {"weekends": True, "zone": "", "why": ""}


class People(Surroundings):
    """Whatever they may ask, at any time, also while a worker asks AWS."""

    @initialize(create=st.booleans(), rounds=st.integers(0, 4))
    def alice_may_have_a_machine(self, create, rounds):
        if create:
            self.clicks("alice", "create")
            self.life_goes_on(rounds)

    @rule(name=who, what=st.sampled_from(["create", "create", "start", "start", "stop", "take_key"]))
    def clicks(self, name, what):
        with contextlib.suppress(ActionError):
            CLICKS[what](self.people[name])

    @rule(name=who, what=st.sampled_from(["create", "start", "stop"]), rounds=st.integers(0, 3))
    def clicks_and_waits(self, name, what, rounds):
        self.clicks(name, what)
        self.life_goes_on(rounds)

    @rule(name=who, kind=st.sampled_from(["t3.small", "t3.medium"]), gib=st.integers(30, 33), rounds=st.integers(0, 3))
    def wants_another_size(self, name, kind, gib, rounds):
        for wish in ({"instance_type": kind}, {"volume_gib": gib}):
            with contextlib.suppress(ActionError):
                resizing.change_size(self.people[name], **wish)
        self.life_goes_on(rounds)

    @rule(name=who, what=st.sampled_from(["terminate", "stop"]), rounds=st.integers(0, 3))
    def the_administrator_asks(self, name, what, rounds):
        with contextlib.suppress(ActionError):
            getattr(actions, what)(self.people[name], by=self.ada)
        self.life_goes_on(rounds)

    def is_suspended(self, name, under_way=0):
        with contextlib.suppress(AccountError):
            suspend(self.people[name].pk, self.ada)
            self.barred.setdefault(self.people[name].pk, len(self.cloud.calls) + under_way)

    @rule(name=who, rounds=st.integers(0, 3))
    def the_administrator_suspends(self, name, rounds):
        self.is_suspended(name)
        self.life_goes_on(rounds)

    @rule(name=who, operation=st.sampled_from(IN_OUR_THREAD))
    def a_suspension_comes_while_a_worker_asks_aws(self, name, operation):
        self.cloud.meanwhile[operation] = lambda: self.is_suspended(name, under_way=1)

    @rule(name=who, rounds=st.integers(0, 2))
    def the_administrator_approves(self, name, rounds):
        approve(self.people[name].pk, self.ada)
        self.barred.pop(self.people[name].pk, None)
        self.life_goes_on(rounds)

    @rule(
        name=who,
        what=st.sampled_from(["create", "create", "start", "stop", "terminate"]),
        faults=st.lists(st.tuples(st.sampled_from(CALLS), mishaps), min_size=1, max_size=3),
        rounds=st.integers(1, 4),
    )
    def asks_on_a_bad_day(self, name, what, faults, rounds):
        for operation, mishap in faults:
            self.cloud.next_error[operation].append(mishap)
        with contextlib.suppress(ActionError):
            getattr(actions, what)(self.people[name], **({"by": self.ada} if what == "terminate" else {}))
        self.life_goes_on(rounds)

    @rule(name=who, minutes=st.sampled_from([1, 50, 240, 1440]), rounds=st.integers(0, 2))
    def keeps_awake(self, name, minutes, rounds):
        with contextlib.suppress(ActionError):
            awake.keep_awake(self.people[name], clock.now() + timedelta(minutes=minutes))
        self.life_goes_on(rounds)

    @rule(name=who, rounds=st.integers(0, 2))
    def ends_it(self, name, rounds):
        with contextlib.suppress(ActionError):
            awake.end_awake(self.people[name])
        self.life_goes_on(rounds)

    @rule(name=st.none() | who, minutes=st.sampled_from([None, 15, 45, 720]), percent=st.sampled_from([None, 5]))
    def the_administrator_sets_a_rule(self, name, minutes, percent):
        rule = UNSET | {"idle_minutes": minutes, "idle_core_percent": percent}
        set_policy(self.people[name] if name else None, self.ada, rule)

    @rule(name=who, minutes=st.sampled_from([None, 50, 240]))
    def a_wish_comes_while_an_alarm_is_put(self, name, minutes):
        def wish():
            with contextlib.suppress(ActionError):
                until = minutes and clock.now() + timedelta(minutes=minutes)
                awake.keep_awake(self.people[name], until) if until else awake.end_awake(self.people[name])

        self.cloud.meanwhile["arm"] = wish

    @rule(rounds=st.integers(1, 3))
    def life_goes_on(self, rounds):
        for _ in range(rounds):
            self.a_worker_works()
            self.aws_gets_on()
            self.pass_by(20)
            self.back_offs_end()
            self.a_look(every=True)
            self.a_worker_works()
