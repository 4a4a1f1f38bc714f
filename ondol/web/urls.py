"""The addresses of all pages. A middleware answers `/healthz`, before hosts, sessions and https are checked."""

from django.urls import include, path

from ondol.api.routes import api
from ondol.web.account import ssh
from ondol.web.account import views as account
from ondol.web.activity import views as activity
from ondol.web.announcement import views as announcement
from ondol.web.awake_link.views import awake_link
from ondol.web.costs import views as costs
from ondol.web.cpu import views as cpu
from ondol.web.doctor import views as doctor
from ondol.web.help.views import help_page
from ondol.web.history import views as history
from ondol.web.invite import views as invite
from ondol.web.key.views import key_choice, key_replace
from ondol.web.machine import views as machine
from ondol.web.machines import views as machines
from ondol.web.machines.stop import stop
from ondol.web.message import views as message
from ondol.web.old_address.views import old_address
from ondol.web.overview import views as overview
from ondol.web.palette import views as palette
from ondol.web.people import views as people
from ondol.web.person import views as person
from ondol.web.policy import views as policy
from ondol.web.step_up import views as step_up

urlpatterns = [
    path("", machine.dashboard, name="dashboard"),
    path("machine/", machine.fragment, name="machine"),
    path("machine/create/", machine.create, name="machine_create"),
    path("machine/start/", machine.start, name="machine_start"),
    path("machine/stop/", machine.stop, name="machine_stop"),
    path("machine/size/", machine.resize, name="machine_size"),
    path("machine/awake/", machine.keep_awake, name="machine_awake"),
    path("machine/awake/end/", machine.end_awake, name="machine_keep_awake_end"),
    path("machine/not-tonight/", machine.not_tonight, name="machine_not_tonight"),
    path("machine/tonight/", machine.tonight_after_all, name="machine_closing_restore"),
    path("awake/<str:token>/", awake_link, name="awake_link"),
    path("old-address/<str:token>/", old_address, name="old_address"),
    path("invitation/<str:token>/", invite.invitation, name="invitation"),
    path("machine/cpu/", cpu.cpu, name="machine_cpu"),
    path("machine/address-told/", machine.address_told, name="machine_address_told"),
    path("machine/key/", machine.key, name="machine_key"),
    path("machine/replace-key/", key_replace, name="key_replace"),
    path("machine/next-key/", key_choice, name="key_choice"),
    path("history/", history.mine, name="history"),
    path("settings/", account.account, name="account"),
    path("settings/activity/", activity.mine, name="my_activity"),
    path("settings/tokens/", account.create_api_token, name="token_create"),
    path("settings/tokens/<int:pk>/revoke/", account.revoke_api_token, name="token_revoke"),
    path("settings/confirm/", step_up.providers, name="step_up_providers"),
    path("settings/go-on/", step_up.go_on, name="step_up_go_on"),
    path("settings/ssh/", ssh.add_address, name="ssh_address_add"),
    path("settings/ssh/<int:pk>/remove/", ssh.remove_address, name="ssh_address_remove"),
    path("language/", account.language, name="language"),
    path("costs/", costs.mine, name="costs"),
    path("help/", help_page, name="help"),
    path("admin/people/", people.people_list, name="admin_people"),
    path("admin/people/decide/", people.decide, name="admin_decide"),
    path("admin/people/csv/", people.spreadsheet, name="admin_people_csv"),
    path("admin/people/invite/", invite.invite, name="admin_invite"),
    path("admin/people/invite/send/", invite.send, name="admin_invite_send"),
    path("admin/people/invite/again/", invite.again, name="admin_invite_again"),
    path("admin/people/message/", message.message, name="admin_message"),
    path("admin/people/<int:pk>/", person.person, name="admin_person"),
    path("admin/people/<int:pk>/approve/", person.approve, name="admin_approve"),
    path("admin/people/<int:pk>/reject/", person.reject, name="admin_reject"),
    path("admin/people/<int:pk>/suspend/", person.suspend, name="admin_suspend"),
    path("admin/people/<int:pk>/role/", person.role, name="admin_role"),
    path("admin/people/<int:pk>/terminate/", person.terminate, name="admin_terminate"),
    path("admin/people/<int:pk>/history/", history.person, name="admin_history"),
    path("admin/", overview.overview, name="admin_overview"),
    path("admin/month/", overview.month, name="admin_month"),
    path("admin/find/", palette.find, name="admin_find"),
    path("start/", overview.landing, name="landing"),
    path("admin/fleet/", machines.machines, name="admin_fleet"),
    path("admin/fleet/act/", machines.act, name="admin_fleet_act"),
    path("admin/fleet/stop/", stop, name="admin_stop"),
    path("admin/fleet/create/", machines.create, name="admin_fleet_create"),
    path("admin/announcement/", announcement.announcement, name="admin_announcement"),
    path("admin/announcement/end/", announcement.end, name="admin_announcement_end"),
    path("announcement/dismiss/", announcement.dismiss, name="announcement_dismiss"),
    path("admin/policy/", policy.everybody, name="admin_policy"),
    path("admin/policy/<int:pk>/", policy.person, name="admin_policy_person"),
    path("admin/policy/changes/<int:pk>/undo/", policy.undo_change, name="admin_policy_undo"),
    path("admin/activity/", activity.activity, name="admin_activity"),
    path("admin/activity/csv/", activity.spreadsheet, name="admin_activity_csv"),
    path("admin/doctor/", doctor.doctor, name="admin_doctor"),
    path("admin/doctor/again/", doctor.look_again, name="admin_doctor_again"),
    path("admin/doctor/emails/<int:pk>/again/", doctor.send_again, name="admin_email_again"),
    path("admin/doctor/emails/<int:pk>/drop/", doctor.forget_email, name="admin_email_drop"),
    path("admin/costs/", costs.everybody, name="admin_costs"),
    path("admin/costs/csv/", costs.spreadsheet, name="admin_costs_csv"),
    path("admin/costs/rate/", costs.set_rate, name="admin_costs_rate"),
    path("admin/costs/budget/", costs.set_budget, name="admin_costs_budget"),
    path("admin/costs/<int:pk>/", costs.person, name="admin_costs_person"),
    path("admin/costs/<int:pk>/budget/", costs.set_persons_budget, name="admin_costs_person_budget"),
    path("accounts/", include("allauth.urls")),
    path("api/", api.urls),
]

handler400 = "ondol.web.errors.views.bad_request"
handler403 = "ondol.web.errors.views.forbidden"
handler404 = "ondol.web.errors.views.not_found"
handler429 = "ondol.web.errors.views.too_many"
handler500 = "ondol.web.errors.views.server_error"
