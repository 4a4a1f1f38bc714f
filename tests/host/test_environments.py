"""Each part of `ondol up` gets no more of the environment than it needs."""

from ondol.host import environments

EVERYTHING = {
    "PATH": "/usr/bin", "LANG": "ko_KR.UTF-8", "LC_ALL": "ko_KR.UTF-8", "ONDOL_CLOCK": "1,2,3", "ONDOL_HOME": "/home",
    "ONDOL_SECRET_KEY": "s", "ONDOL_VAULT_KEYS": "v", "ONDOL_KAKAO_CLIENT_SECRET": "k", "ONDOL_EMAIL_URL": "smtp://u:p@h",
    "DATABASE_URL": "postgresql://u:p@h/d", "ONDOL_DATABASE_OWNER_URL": "postgresql://o:q@h/d",
    "PGPASSWORD": "p", "GITHUB_TOKEN": "t",
    "AWS_REGION": "ap-northeast-2", "AWS_VPC_ID": "vpc-1", "AWS_SUBNET_ID": "subnet-1", "AWS_ENDPOINT_URL": "http://e",
    "AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "S", "AWS_SESSION_TOKEN": "T", "AWS_PROFILE": "p",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": "c", "AWS_WEB_IDENTITY_TOKEN_FILE": "/f",
}  # fmt: skip
TRIAL = {"AWS_ACCESS_KEY_ID": "AKIATRIAL", "AWS_SECRET_ACCESS_KEY": "trial", "AWS_VPC_ID": "vpc-2"}


def test_the_web_gets_its_secrets_but_no_credentials_of_aws():
    web = environments.of_web(EVERYTHING)
    assert {"ONDOL_SECRET_KEY", "ONDOL_VAULT_KEYS", "DATABASE_URL", "PATH"} <= set(web)
    aws = {name for name in web if name.startswith("AWS_")}
    assert aws == {"AWS_REGION", "AWS_VPC_ID", "AWS_SUBNET_ID", "AWS_ENDPOINT_URL", "AWS_EC2_METADATA_DISABLED"}
    assert web["AWS_EC2_METADATA_DISABLED"] == "true"


def test_the_trial_cloud_gets_no_secret_at_all():
    assert set(environments.of_cloud(EVERYTHING)) == {"PATH", "LANG", "LC_ALL", "ONDOL_CLOCK", "AWS_REGION"}


def test_the_worker_gets_the_credentials():
    worker = environments.of_worker(EVERYTHING, None)
    assert worker | {"ONDOL_DATABASE_OWNER_URL": EVERYTHING["ONDOL_DATABASE_OWNER_URL"]} == EVERYTHING


def test_what_migrates_alone_has_the_way_in_as_the_owner_of_the_tables():
    assert environments.of_migrate(EVERYTHING)["ONDOL_DATABASE_OWNER_URL"] == EVERYTHING["ONDOL_DATABASE_OWNER_URL"]
    others = {
        "web": environments.of_web(EVERYTHING), "worker": environments.of_worker(EVERYTHING, None),
        "worker of a trial": environments.of_worker(EVERYTHING, TRIAL), "cloud": environments.of_cloud(EVERYTHING),
    }  # fmt: skip
    for part, env in others.items():
        assert "postgresql://o:q@h/d" not in env.values(), part


def test_amazons_credentials_never_mix_with_the_trials():
    worker = environments.of_worker(EVERYTHING, TRIAL)
    assert {name: worker[name] for name in TRIAL} == TRIAL
    assert not {"AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"} & set(worker)
